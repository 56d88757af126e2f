// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Programs that do nothing, where the agent's are: what the way into one costs, whatever it does there.
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/sched_switch")
int at_switches(void *context)
{
	return 0;
}

/* Of a call that nobody makes here: with it, all calls take the way on which tracepoints stand. */
SEC("tracepoint/syscalls/sys_enter_swapoff")
int at_one_call(void *context)
{
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Attaches one of the programs that do nothing, says so, and keeps it until its standard input
// ends.
#include <bpf/libbpf.h>

#include <cstdio>
#include <memory>
#include <string_view>

#include "empty.skel.h"

int main(int argc, char** argv) {
  const std::string_view which = argc == 2 ? argv[1] : "";
  if (which != "switch" && which != "call") {
    std::fprintf(stderr, "usage: bench_empty switch|call\n");
    return 2;
  }
  const std::unique_ptr<empty_bpf, decltype(&empty_bpf__destroy)> skeleton(
      empty_bpf__open_and_load(), empty_bpf__destroy);
  if (!skeleton) {
    std::fprintf(stderr, "bench_empty: the kernel refuses the programs; run it as root\n");
    return 3;
  }
  bpf_program* program =
      which == "switch" ? skeleton->progs.at_switches : skeleton->progs.at_one_call;
  const std::unique_ptr<bpf_link, int (*)(bpf_link*)> link(bpf_program__attach(program),
                                                           bpf_link__destroy);
  if (!link) {
    std::fprintf(stderr, "bench_empty: cannot attach the program; mount tracefs\n");
    return 3;
  }
  std::puts("attached");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

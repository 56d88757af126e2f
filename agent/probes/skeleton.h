// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/types.h>

#include <memory>

#include "loopstall.skel.h"
#include "wire/wire.h"

namespace loopstall::probes {

struct SkeletonDeleter {
  void operator()(::loopstall_bpf* skeleton) const { loopstall_bpf__destroy(skeleton); }
};
/// The loaded BPF object; destroying it unloads what is not held by a link.
using Skeleton = std::unique_ptr<::loopstall_bpf, SkeletonDeleter>;

struct LinkDeleter {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
/// One attached program; destroying it detaches.
using Link = std::unique_ptr<bpf_link, LinkDeleter>;

}  // namespace loopstall::probes

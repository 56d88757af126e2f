// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "probes/skeleton.h"

namespace loopstall::probes {

/// From here on libbpf's messages go to the debug log, and the last one explains a failure. To be
/// called before the first use of libbpf.
void hear_libbpf();

/// Forgets what libbpf said last: it would explain nothing that comes.
void forget_libbpf_words();

/// The errno's text, or libbpf's error, with what libbpf said last.
std::string libbpf_reason(int error);

/// Adds the link to those. Fails with ErrorKind::environment where libbpf made none.
base::Result<void> keep(std::vector<Link>& links, bpf_link* link, std::string_view what);

}  // namespace loopstall::probes

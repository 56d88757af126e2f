// SPDX-License-Identifier: Apache-2.0
#include "probes/privileges.h"

#include <cap-ng.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

namespace loopstall::probes {
namespace {

using Capabilities = std::vector<unsigned>;

/// Those of `wanted` that this thread has.
Capabilities held(std::initializer_list<unsigned> wanted) {
  Capabilities found;
  capng_get_caps_process();
  for (const unsigned capability : wanted) {
    if (capng_have_capability(CAPNG_PERMITTED, capability) != 0) found.push_back(capability);
  }
  return found;
}

/// CAP_SYS_ADMIN stands in for a capability that was split off it, where only that was granted.
Capabilities held_or_admin(unsigned capability) {
  Capabilities found = held({capability});
  return found.empty() ? held({CAP_SYS_ADMIN}) : found;
}

/// Each is in it once.
void add(Capabilities& to, const Capabilities& more) {
  for (const unsigned capability : more) {
    if (std::find(to.begin(), to.end(), capability) == to.end()) to.push_back(capability);
  }
}

/// Whether it does without those: they are given up for a moment, and only what is in force, so
/// that they can be raised again.
bool works_without(std::initializer_list<unsigned> capabilities,
                   const std::function<bool()>& work) {
  const Capabilities lowered = held(capabilities);
  for (const unsigned capability : lowered) capng_update(CAPNG_DROP, CAPNG_EFFECTIVE, capability);
  if (capng_apply(CAPNG_SELECT_CAPS) != 0) return false;
  const bool works = work();
  for (const unsigned capability : lowered) capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, capability);
  capng_apply(CAPNG_SELECT_CAPS);
  return works;
}

Capabilities needed_for(const RemainingWork& work) {
  Capabilities needed;
  if (!works_without({CAP_BPF, CAP_SYS_ADMIN}, work.uses_a_map)) needed = held_or_admin(CAP_BPF);
  if (!work.opens_a_perf_event) return needed;
  const bool is_perfmon_enough = works_without({CAP_SYS_ADMIN}, work.opens_a_perf_event);
  add(needed, is_perfmon_enough ? held_or_admin(CAP_PERFMON) : held({CAP_SYS_ADMIN}));
  return needed;
}

/// Who may change the bounding set also empties it; without, no_new_privs has the same effect.
capng_select_t selected() {
  const bool may_bound = !held({CAP_SETPCAP}).empty();
  return may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS;
}

std::string names_of(const Capabilities& capabilities) {
  std::string names;
  for (const unsigned capability : capabilities) {
    std::string name = capng_capability_to_name(capability);
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    names += (names.empty() ? "CAP_" : ", CAP_") + name;
  }
  return names;
}

}  // namespace

base::Result<std::string> drop_capabilities(const RemainingWork& work) {
  Capabilities kept = held({CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_CHECKPOINT_RESTORE});
  add(kept, needed_for(work));
  const capng_select_t which = selected();
  capng_clear(CAPNG_SELECT_BOTH);
  for (const unsigned capability : kept) {
    capng_update(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
                 capability);
  }
  // Ambient ones end with the inheritable ones, which are cleared.
  if (capng_apply(which) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return base::fail(base::ErrorKind::environment,
                      "cannot give up capabilities ({}); --drop-capabilities no keeps them",
                      std::strerror(errno));
  }
  return names_of(kept);
}

}  // namespace loopstall::probes

// SPDX-License-Identifier: Apache-2.0
#include "stacks/memory_reader.h"

#include <sys/uio.h>

namespace loopstall::stacks {

bool ProcessMemory::read(uint64_t address, void* to, std::size_t bytes) const {
  iovec local{to, bytes};
  iovec remote{reinterpret_cast<void*>(address), bytes};
  return ::process_vm_readv(pid_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(bytes);
}

}  // namespace loopstall::stacks

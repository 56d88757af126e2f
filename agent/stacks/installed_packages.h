// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "stacks/rooted_tree.h"

namespace loopstall::stacks {

/// Which files of one folder installed distributions own, by its dist-info folders (PEP 376, PEP
/// 610, PEP 627). At most 2,000 dist-infos, RECORDs of 4 MiB and 200,000 files are believed; a
/// distribution beyond that owns nothing.
class InstalledPackages {
 public:
  enum class Scope : uint8_t {
    site,       ///< all there is installed: only the distributions that are the user's matter
    elsewhere,  ///< the user's files may lie between: all RECORDs are read
  };
  enum class Owner : uint8_t {
    nobody,
    distribution,
    local_directory,  ///< installed from a folder: direct_url.json has dir_info
  };

  InstalledPackages(const RootedTree& tree, const std::string& directory, Scope scope);

  /// Whose file it is; `below` is its path inside the folder.
  Owner owner(std::string_view below) const;

 private:
  void add_distribution(const RootedTree& tree, const std::string& directory,
                        const std::string& dist_info, Scope scope);
  bool add_record(const std::string& record, Owner owner);

  struct OwnedFile {
    std::size_t hash;
    Owner owner;
  };
  std::vector<OwnedFile> files_;                    // sorted by hash
  std::set<std::string, std::less<>> local_names_;  // of local distributions without a RECORD
};

}  // namespace loopstall::stacks

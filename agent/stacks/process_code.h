// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace loopstall::stacks {

/// What is known of one process before any of its code is judged. All but `root` are the target's
/// own words, as it sees its file system.
struct ProcessCode {
  std::string root;    ///< its file system as we reach it: "/proc/123/root"; tests: a built tree
  std::string cwd;     ///< its working directory: "/srv"; empty when unknown
  std::string script;  ///< the script of `python script.py`, as on its command line; else empty
  std::string stdlib_dir;       ///< "/usr/lib/python3.11" when known; else it is found from paths
  bool main_is_string = false;  ///< `python -c PROGRAM`: `<string>` is its main program
  std::vector<std::string> import_roots;  ///< further sys.path entries (PYTHONPATH, --app-dir)
};

}  // namespace loopstall::stacks

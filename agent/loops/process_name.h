// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace loopstall::loops {

/// The longest `process` label, in bytes.
inline constexpr std::size_t kMaxProcessNameBytes = 120;

/// Names given by configuration, by the name that would be used without them.
using ProcessNames = std::map<std::string, std::string>;

/// A stable service name from a command line: the application spec of a known server
/// (`uvicorn app.main:app` is app.main:app), else the module of `python -m`, else the script's
/// base name, else `exe`, the executable's base name. Launchers (sh -c, tini, ddtrace-run, …) are
/// skipped. Pure; at most kMaxProcessNameBytes of valid UTF-8.
///
/// Empty when the process is a worker that multiprocessing spawned and its own command line says
/// nothing: name it after its parent, by the same function.
std::string process_name(const std::vector<std::string>& cmdline, std::string_view exe,
                         const ProcessNames& overrides = {});

/// What the interpreter was asked to run, as far as its command line says.
struct PythonProgram {
  std::string script;           ///< of `python script.py`; empty for -m, -c and servers' scripts
  std::string app_dir;          ///< uvicorn's --app-dir, which it puts on sys.path
  bool main_is_string = false;  ///< `python -c PROGRAM`
};

/// Launchers are skipped as for process_name. Pure.
PythonProgram python_program(const std::vector<std::string>& cmdline);

}  // namespace loopstall::loops

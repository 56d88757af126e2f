// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace loopstall::stacks {

/// Who owns the code of a frame; see docs/attribution.md.
enum class Origin : uint8_t {
  application,  ///< the user's own code
  third_party,  ///< an installed distribution that is not on the well-known list
  well_known,   ///< a listed framework or client: always library
  stdlib,       ///< the interpreter's own library, frozen modules included
  synthetic,    ///< generated code: <string>, <decorator-gen-N>, a template's
};

/// Why a frame has its origin: the row of docs/attribution.md that fitted.
enum class Ownership : uint8_t {
  own_file,             ///< application: nothing that is installed owns the file
  main_program,         ///< application: the text of `python -c`, or standard input
  application_package,  ///< application: installed, but named by configuration
  local_directory,      ///< application: installed, but from a local directory
  unread,               ///< as application: its code object could not be read
  installed,            ///< third_party: in a folder of packages, or in a RECORD
  listed,               ///< well_known: on the data list
  server_script,        ///< well_known: a listed server's console script
  stdlib_folder,        ///< stdlib
  frozen,               ///< stdlib: compiled into the interpreter
  generated,            ///< synthetic: there is no file
  template_text,        ///< synthetic: compiled from a template, whose lines are others
};

Origin origin_of(Ownership ownership);

/// As in `"origin": "stdlib"`.
std::string_view origin_name(Origin origin);

/// As in `"why": "local_directory"`.
std::string_view ownership_name(Ownership ownership);

/// What a frame runs, by its code's flags; calls into C leave no frame.
enum class FrameKind : uint8_t { function, generator, coroutine, async_generator };

/// As in `"kind": "coroutine"`.
std::string_view kind_name(FrameKind kind);

/// One resolved frame. Strings are bounded in length and valid UTF-8, but otherwise the target's
/// own words: escape them wherever they are shown.
struct Frame {
  std::string function;  ///< qualified name (plain name before CPython 3.11)
  std::string file;      ///< path from its import root: app/services/ocr.py
  std::string path;      ///< co_filename as the target has it
  int line = 0;          ///< 0 when unknown, or not the file's
  Origin origin = Origin::third_party;
  bool transparent = false;  ///< configured wrapper: never the culprit
  FrameKind kind = FrameKind::function;
  bool wraps = false;  ///< has the form of a decorator's wrapper: no entry if it need not be
  Ownership ownership = Ownership::installed;  ///< why it has its origin

  bool operator==(const Frame&) const = default;
};

/// Innermost frame first.
struct Stack {
  std::vector<Frame> frames;
  bool truncated = false;  ///< outer frames are missing: no entry can be named

  bool operator==(const Stack&) const = default;
};

}  // namespace loopstall::stacks

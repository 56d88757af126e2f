// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

namespace loopstall::stacks {

struct PythonVersion {
  uint16_t major = 0;
  uint16_t minor = 0;

  auto operator<=>(const PythonVersion&) const = default;
};

/// What a frame's instruction field holds.
enum class InstructionKind : uint8_t {
  lasti_bytes,  ///< int: byte offset of the last instruction (3.8, 3.9)
  lasti_units,  ///< int: the same in two-byte units (3.10)
  pointer,      ///< address inside co_code_adaptive (3.11 and later)
};

enum class LineTableKind : uint8_t {
  lnotab,        ///< 3.8, 3.9: Objects/lnotab_notes.txt of those versions
  linetable310,  ///< 3.10: PEP 626
  location311,   ///< 3.11 and later: Objects/locations.md
};

/// Where CPython keeps things: byte offsets in release builds with a GIL, x86-64, that hold for
/// every patch release of a minor version. Measured from debug information and compiled headers.
struct PythonLayout {
  /// "no such field" for offsets that may be absent; 0 is a legal offset.
  static constexpr uint32_t kAbsent = 0xffffffff;

  PythonVersion version;

  struct Runtime {  ///< _PyRuntimeState, from the symbol _PyRuntime
    uint32_t interpreters_head = 0;
    uint32_t auto_tss_key = 0;          ///< Py_tss_t: int is_initialized, then pthread_key_t at +4
    uint32_t gil = kAbsent;             ///< the GIL structure lies here (up to 3.11)
    uint32_t tstate_current = kAbsent;  ///< who holds the GIL, null if nobody (up to 3.11)
    uint32_t gc_collecting = kAbsent;   ///< int (3.8)
  } runtime;

  struct Interpreter {  ///< PyInterpreterState
    uint32_t next = 0;
    uint32_t threads_head = 0;
    uint32_t gil = kAbsent;            ///< *pointer* to the GIL structure (3.12 and later)
    uint32_t gc_collecting = kAbsent;  ///< int (3.9 and later)
  } interpreter;

  struct Thread {  ///< PyThreadState
    uint32_t next = 0;
    uint32_t interpreter = 0;
    uint32_t thread_id = 0;                   ///< pthread_self(), which is fsbase
    uint32_t native_thread_id = kAbsent;      ///< tid in the process's pid namespace (3.11+)
    uint32_t top_frame = 0;                   ///< the frame, or the _PyCFrame if `indirect`
    uint8_t top_frame_indirect = 0;           ///< 1 in 3.11 and 3.12
    uint32_t cframe_current_frame = kAbsent;  ///< offset in _PyCFrame if `indirect`
  } thread;

  struct Frame {  ///< PyFrameObject, from 3.11 _PyInterpreterFrame
    uint32_t code = 0;
    uint32_t previous = 0;
    uint32_t instruction = 0;
    uint32_t owner = kAbsent;  ///< char
    InstructionKind instruction_kind = InstructionKind::pointer;
    /// Frames with owner >= this are shims that a C call pushed, not Python code; 255: none are.
    uint8_t skip_owner_from = 255;
    uint64_t code_tag_mask = 0;  ///< bits to clear in the code pointer (3.14 tags references)
  } frame;

  struct Code {  ///< PyCodeObject
    uint32_t flags = 0;
    uint32_t firstlineno = 0;
    uint32_t filename = 0;
    uint32_t name = 0;
    uint32_t qualname = kAbsent;
    uint32_t line_table = 0;      ///< co_lnotab or co_linetable, a bytes object
    uint32_t adaptive = kAbsent;  ///< co_code_adaptive: the first instruction
    uint32_t argcount = 0;
  } code;

  struct Unicode {  ///< offsets of the character data
    uint32_t ascii_header = 0;
    uint32_t compact_header = 0;
  } unicode;

  LineTableKind line_table_kind = LineTableKind::location311;

  // The same in every supported version.
  static constexpr uint32_t kObjectType = 8;
  static constexpr uint32_t kVarObjectSize = 16;
  static constexpr uint32_t kBytesData = 32;
  static constexpr uint32_t kUnicodeLength = 16;
  static constexpr uint32_t kUnicodeState = 32;
  // struct _gil_runtime_state. A futex word in [begin, end) is a wait for the GIL (glibc).
  static constexpr uint32_t kGilLastHolder = 8;
  static constexpr uint32_t kGilLocked = 16;
  static constexpr uint32_t kGilSwitchNumber = 24;
  static constexpr uint32_t kGilCond = 32;
  static constexpr uint32_t kGilSwitchCond = 120;
  static constexpr uint32_t kGilSize = 208;
  static constexpr uint32_t kGilFutexBegin = 32;
  static constexpr uint32_t kGilFutexEnd = 208;
};

/// The table for a version, or null when it is not supported (3.8 to 3.14 are). Lives for ever.
const PythonLayout* python_layout(PythonVersion version);

enum class Libc : uint8_t { unknown, glibc, musl };

/// How to reach the value of a pthread key from a thread's base (fsbase):
/// at base + slot_offset, or, if `dereference`, at *(base + pointer_offset) + slot_offset.
struct ThreadSlot {
  uint8_t dereference = 0;
  uint32_t pointer_offset = 0;
  uint32_t slot_offset = 0;

  bool operator==(const ThreadSlot&) const = default;
};

/// x86-64. glibc: nptl/descr.h, `specific_1stblock` at 0x310, `specific` at 0x510, pairs of
/// (sequence, value). musl 1.2: `tsd` at 0x80. Empty for other libraries and impossible keys.
std::optional<ThreadSlot> pthread_slot_offset(Libc libc, uint32_t key);

}  // namespace loopstall::stacks

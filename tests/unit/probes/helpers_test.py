# SPDX-License-Identifier: Apache-2.0
"""The BPF object calls no helper that Linux 5.15 does not have.

usage: helpers_test.py OBJECT

Helpers have numbers in the order of their coming (enum bpf_func_id in include/uapi/linux/bpf.h);
5.15's last is bpf_task_pt_regs.
"""

import struct
import sys
import unittest

LAST_OF_5_15 = 175
SECTION_IS_CODE = 0x4  # SHF_EXECINSTR
CALL = 0x85  # BPF_JMP | BPF_CALL; its source register says of what: 0 is a helper
ALSO_CALLED = {156, 175}  # task_storage_get, task_pt_regs: the test reads the right thing


def code_sections(elf):
    start, = struct.unpack_from("<Q", elf, 0x28)
    size, count = struct.unpack_from("<HH", elf, 0x3A)
    for header in range(start, start + size * count, size):
        flags, _, offset, length = struct.unpack_from("<QQQQ", elf, header + 8)
        if flags & SECTION_IS_CODE:
            yield elf[offset:offset + length]


def helpers_of(elf):
    return {number for code in code_sections(elf)
            for opcode, registers, _, number in struct.iter_unpack("<BBhi", code)
            if opcode == CALL and registers >> 4 == 0}


class Helpers(unittest.TestCase):
    def test_none_is_younger_than_5_15(self):
        with open(OBJECT, "rb") as file:
            called = helpers_of(file.read())
        self.assertLessEqual(ALSO_CALLED, called)
        self.assertEqual([], sorted(number for number in called if number > LAST_OF_5_15))


if __name__ == "__main__":
    OBJECT = sys.argv.pop()
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""The running kernel's types without what the BPF programs look for and do without where it is missing: with
them, the programs run as on a kernel that is too old to have it.

The format is Documentation/bpf/btf.rst of the kernel.
"""

import pathlib
import struct

KERNEL_TYPES = "/sys/kernel/btf/vmlinux"
HEADER = struct.Struct("<HBBIIIII")  # magic, version, flags, its length, then offset and length of types and of strings
TYPE = struct.Struct("<III")  # name, kind and number of members, size or another type
MEMBER = struct.Struct("<III")
STRUCT, FUNC_PROTO = 4, 13
# Bytes behind a type, by kind: once, and for each of its members.
ONCE = {1: 4, 3: 12, 14: 4, 17: 4}
EACH = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}
PARAMETER_BYTES = 8

# What bpf/kernel_compat.bpf.h asks for: what each is called instead. Not file.f_ep (5.11): without it, that a
# service listens is not seen, and it counts as serving two minutes after its start.
FIELDS = {
    "task_struct": {b"__state": b"state", b"bpf_storage": b"", b"throttled": b""},
    "cfs_rq": {b"throttled_clock_pelt_time": b""},
}
SWITCH = "btf_trace_sched_switch"
SWITCH_PARAMETERS = 4  # until 5.18: the private data, preempt, prev and next


class Types:
    """A BTF blob that can be changed in place."""

    def __init__(self, blob):
        magic, _, _, length, types, types_length, strings, strings_length = HEADER.unpack_from(blob)
        assert magic == 0xEB9F, "no BTF of this machine's byte order"
        self._blob = bytearray(blob)
        self._strings = bytes(blob[length + strings:length + strings + strings_length])
        self._places = [0, *self._read_places(length + types, types_length)]  # of each type, by its number; 0 is void

    def _read_places(self, place, length):
        end = place + length
        while place < end:
            yield place
            _, info, _ = TYPE.unpack_from(self._blob, place)
            kind = info >> 24 & 0x1F
            place += TYPE.size + ONCE.get(kind, 0) + EACH.get(kind, 0) * (info & 0xFFFF)

    def _name(self, offset):
        return self._strings[offset:self._strings.index(b"\0", offset)]

    def named(self, name):
        """The places of the types of that name."""
        offset = self._strings.index(b"\0" + name.encode() + b"\0") + 1
        return [place for place in self._places[1:] if TYPE.unpack_from(self._blob, place)[0] == offset]

    def rename(self, name, fields):
        """Gives members of the structures of that name other names; returns how many it found."""
        found = 0
        for place in self.named(name):
            _, info, _ = TYPE.unpack_from(self._blob, place)
            if info >> 24 & 0x1F != STRUCT:
                continue
            for member in range(place + TYPE.size, place + TYPE.size + MEMBER.size * (info & 0xFFFF), MEMBER.size):
                other = fields.get(self._name(MEMBER.unpack_from(self._blob, member)[0]))
                if other is not None:
                    struct.pack_into("<I", self._blob, member, self._strings.index(b"\0" + other + b"\0") + 1 if other else 0)
                    found += 1
        return found

    def cut_parameters(self, name, number):
        """Leaves the function that a pointer of that name points to so many parameters."""
        place, = self.named(name)
        for _ in range(2):  # the name's pointer, then the function's type
            place = self._places[TYPE.unpack_from(self._blob, place)[2]]
        _, info, _ = TYPE.unpack_from(self._blob, place)
        assert info >> 24 & 0x1F == FUNC_PROTO
        cut = max(0, (info & 0xFFFF) - number)
        struct.pack_into("<I", self._blob, place + 4, info - cut)
        end = place + TYPE.size + PARAMETER_BYTES * number
        self._remove(end, PARAMETER_BYTES * cut)

    def _remove(self, begin, length):
        del self._blob[begin:begin + length]
        header = list(HEADER.unpack_from(self._blob))
        header[5] -= length  # the types end earlier
        header[6] -= length  # and the strings begin earlier
        HEADER.pack_into(self._blob, 0, *header)
        self._places = [place - length if place > begin else place for place in self._places]

    def bytes(self):
        return bytes(self._blob)


def write(path):
    """Writes them to a file; returns its path."""
    types = Types(pathlib.Path(KERNEL_TYPES).read_bytes())
    for name, fields in FIELDS.items():
        assert types.rename(name, fields), f"nothing of {name} was found"
    types.cut_parameters(SWITCH, SWITCH_PARAMETERS)
    pathlib.Path(path).write_bytes(types.bytes())
    return str(path)

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
NAME = struct.Struct("<I")  # what a member begins with
MAGIC = 0xEB9F
STRUCT, FUNC_PROTO = 4, 13
# Bytes behind a type, by kind: once, and for each of its members.
ONCE = {1: 4, 3: 12, 14: 4, 17: 4}
EACH = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}

# What bpf/kernel_compat.bpf.h asks for: what each is called instead. Not file.f_ep (5.11): without it, that a
# service listens is not seen, and it counts as serving two minutes after its start.
FIELDS = {
    b"task_struct": {b"__state": b"state", b"bpf_storage": b"", b"throttled": b""},
    b"cfs_rq": {b"throttled_clock_pelt_time": b"throttled_clock_task_time"},
}
SWITCH = b"btf_trace_sched_switch"
SWITCH_PARAMETERS = 4  # until 5.18: the private data, preempt, prev and next


class Types:
    """A BTF blob's types and strings, which can be changed."""

    def __init__(self, blob):
        magic, self._version, self._flags, length, types, types_length, strings, strings_length = HEADER.unpack_from(blob)
        assert magic == MAGIC, "no BTF of this machine's byte order"
        self._types = bytearray(blob[length + types:length + types + types_length])
        self._strings = blob[length + strings:length + strings + strings_length]
        self._places = [None, *self._read_places()]  # of each type, by its number; the first is void

    def _read_places(self):
        place = 0
        while place < len(self._types):
            yield place
            kind, members, _ = self._facts(place)
            place += TYPE.size + ONCE.get(kind, 0) + EACH.get(kind, 0) * members

    def _facts(self, place):
        """(kind, number of members, size or another type)"""
        _, info, other = TYPE.unpack_from(self._types, place)
        return info >> 24 & 0x1F, info & 0xFFFF, other

    def _name(self, offset):
        return self._strings[offset:self._strings.index(b"\0", offset)]

    def _offset_of(self, name):
        """Of a name among the strings, to which it is added where it is none of them."""
        if b"\0" + name + b"\0" not in self._strings:
            self._strings += name + b"\0"
        return self._strings.index(b"\0" + name + b"\0") + 1 if name else 0

    def _named(self, name):
        """The places of the types of that name."""
        offset = self._offset_of(name)
        return [place for place in self._places[1:] if TYPE.unpack_from(self._types, place)[0] == offset]

    def rename(self, name, fields):
        """Gives members of the structures of that name other names; returns how many it found."""
        found = 0
        for place in self._named(name):
            kind, members, _ = self._facts(place)
            for member in range(members if kind == STRUCT else 0):
                at = place + TYPE.size + EACH[STRUCT] * member
                name_offset, = NAME.unpack_from(self._types, at)
                if self._name(name_offset) in fields:
                    NAME.pack_into(self._types, at, self._offset_of(fields[self._name(name_offset)]))
                    found += 1
        return found

    def cut_parameters(self, name, number):
        """Leaves the function that a pointer of that name points to so many parameters."""
        place, = self._named(name)
        for _ in range(2):  # the name's pointer, then the function's type
            place = self._places[self._facts(place)[2]]
        kind, parameters, _ = self._facts(place)
        assert kind == FUNC_PROTO
        if parameters > number:
            _, info, result = TYPE.unpack_from(self._types, place)
            TYPE.pack_into(self._types, place, 0, info - (parameters - number), result)
            self._remove(place + TYPE.size + EACH[FUNC_PROTO] * number, EACH[FUNC_PROTO] * (parameters - number))

    def _remove(self, begin, length):
        del self._types[begin:begin + length]
        self._places[1:] = [place - length if place > begin else place for place in self._places[1:]]

    def blob(self):
        header = HEADER.pack(MAGIC, self._version, self._flags, HEADER.size, 0, len(self._types), len(self._types),
                             len(self._strings))
        return header + self._types + self._strings


def write(path):
    """Writes them to a file; returns its path."""
    types = Types(pathlib.Path(KERNEL_TYPES).read_bytes())
    for name, fields in FIELDS.items():
        assert types.rename(name, fields), f"no field of {name.decode()} was found"
    types.cut_parameters(SWITCH, SWITCH_PARAMETERS)
    pathlib.Path(path).write_bytes(types.blob())
    return str(path)

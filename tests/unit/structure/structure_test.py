# SPDX-License-Identifier: Apache-2.0
"""The project keeps its own rules, and the check of them can fail."""

import pathlib
import tempfile
import unittest

import structure_rules

PROJECT = pathlib.Path(__file__).resolve().parents[3]
APACHE = "// SPDX-License-Identifier: Apache-2.0\n"
BPF = "// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)\n"


class Project(unittest.TestCase):
    def test_keeps_every_rule(self):
        self.assertEqual([], structure_rules.offences(PROJECT))

    def test_was_really_read(self):
        names = {str(path) for path in structure_rules.files_of(PROJECT)}
        self.assertLessEqual({"agent/main.cc", "agent/base/result.h", "bpf/CMakeLists.txt"}, names)

    def test_every_folder_of_the_agent_has_a_row(self):
        folders = {path.name for path in (PROJECT / "agent").iterdir() if path.is_dir()}
        self.assertEqual(folders, set(structure_rules.MAY_INCLUDE) - {"main.cc"})

    def test_the_rule_has_no_cycle(self):
        for folder, targets in structure_rules.MAY_INCLUDE.items():
            for target in targets:
                self.assertNotIn(folder, structure_rules.MAY_INCLUDE.get(target, []))


class Violations(unittest.TestCase):
    """Each deliberate offence, in a tree of its own, is found and named."""

    def offences_of(self, files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return structure_rules.offences(root)

    def assert_offence(self, files, expected):
        found = self.offences_of(files)
        self.assertEqual(1, len(found), found)
        self.assertIn(expected, found[0])

    def test_an_allowed_tree_is_clean(self):
        self.assertEqual([], self.offences_of({
            "agent/main.cc": APACHE + '#include "cli/cli.h"\n',
            "agent/stalls/account.cc": APACHE + '#include "base/clock.h"\n#include <vector>\n',
            "agent/exposition/page.cc": APACHE + '#include "loops/labels.h"\n',
            "agent/probes/slots.cc": APACHE + '#include "wire/wire.h"\n#include <bpf/libbpf.h>\n',
            "bpf/wire/wire.h": BPF,
            "bpf/loopstall.bpf.c": BPF + '#include "wire/wire.h"\n#include <bpf/bpf_helpers.h>\n',
            "scripts/build": "#!/usr/bin/env bash\n# SPDX-License-Identifier: Apache-2.0\n",
        }))

    def test_upward_include(self):
        self.assert_offence({"agent/stalls/a.cc": APACHE + '#include "probes/ring.h"\n'},
                            "stalls may not include probes/ring.h")

    def test_sideways_include(self):
        self.assert_offence({"agent/loops/a.cc": APACHE + '# include "stacks/frame.h"\n'},
                            "loops may not include stacks/frame.h")

    def test_wire_outside_probes(self):
        self.assert_offence({"agent/session/a.cc": APACHE + '#include "wire/wire.h"\n'},
                            "session may not include wire/wire.h")

    def test_main_knows_only_the_command_line(self):
        self.assert_offence({"agent/main.cc": APACHE + '#include "session/session.h"\n'},
                            "main.cc may not include session/session.h")

    def test_exposition_sees_only_the_snapshot_of_loops(self):
        self.assert_offence({"agent/exposition/a.cc": APACHE + '#include "loops/finder.h"\n'},
                            "exposition may not include loops/finder.h")

    def test_include_without_its_folder(self):
        self.assert_offence({"agent/stalls/a.cc": APACHE + '#include "cause.h"\n'},
                            'write "folder/file.h"')

    def test_unknown_folder(self):
        self.assert_offence({"agent/util/a.cc": APACHE}, "no row in MAY_INCLUDE")

    def test_libbpf_outside_probes(self):
        self.assert_offence({"agent/session/a.cc": APACHE + "#include <bpf/libbpf.h>\n"},
                            "<bpf/libbpf.h> is included only in probes")

    def test_microhttpd_outside_exposition(self):
        self.assert_offence({"agent/cli/a.cc": APACHE + "#include <microhttpd.h>\n"},
                            "included only in exposition")

    def test_bpf_includes_user_space(self):
        self.assert_offence({"bpf/a.bpf.c": BPF + '#include "../agent/base/clock.h"\n'},
                            "is not a header of bpf/")

    def test_bpf_includes_a_libc_header(self):
        self.assert_offence({"bpf/a.bpf.c": BPF + "#include <stdio.h>\n"}, "may not include <stdio.h>")

    def test_wire_includes_a_bpf_part(self):
        self.assert_offence({"bpf/turns.bpf.h": BPF,
                             "bpf/wire/wire.h": BPF + '#include "turns.bpf.h"\n'},
                            "wire/ may not include")

    def test_missing_licence(self):
        for name in ("agent/base/a.cc", "tests/a.py", "cmake/a.cmake", "web/a.css"):
            self.assert_offence({name: "\n"}, "SPDX-License-Identifier: Apache-2.0")

    def test_script_without_suffix_needs_a_licence(self):
        self.assert_offence({"scripts/build": "#!/bin/sh\n"}, "SPDX")

    def test_wrong_licence_for_the_place(self):
        self.assert_offence({"bpf/a.bpf.c": APACHE}, "is expected there")
        self.assert_offence({"agent/base/a.h": BPF}, "is expected there")

    def test_file_names(self):
        self.assert_offence({"agent/base/UniqueFd.h": APACHE}, "snake_case")
        self.assert_offence({"tests/Slow-Test.py": "# SPDX-License-Identifier: Apache-2.0\n"},
                            "snake_case")
        self.assert_offence({"scripts/run_all": ""}, "kebab-case")

    def test_machine_path(self):
        self.assert_offence({"docs/a.md": "See /wor" "k/notes/a.txt\n"}, "docs/a.md:1: names a place")
        self.assert_offence({"docs/a.md": "as fac" "ts/kernels.md says\n"}, "names a place")

    def test_dead_link(self):
        self.assert_offence({"docs/a.md": "[b](b.md#part) [c](https://c.org) [d](#here) [a](a.md)\n"},
                            "docs/a.md: its link to b.md leads nowhere")


if __name__ == "__main__":
    unittest.main()

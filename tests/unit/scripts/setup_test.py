# SPDX-License-Identifier: Apache-2.0
"""scripts/setup against a made-up dpkg and apt: it installs nothing twice and nothing unasked."""

import os
import pathlib
import stat
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "scripts" / "setup"
ALL_THERE = "#!/bin/sh\necho installed\n"
ALL_BUT_CLANG = '#!/bin/sh\n[ "$3" = clang ] || echo installed\n'


def listed(*flags):
    return subprocess.run([SCRIPT, "--list", *flags], capture_output=True, text=True,
                          check=True).stdout.split()


class Setup(unittest.TestCase):
    def run_with(self, dpkg_query, *flags, before=()):
        """(result, what apt-get was asked for)"""
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o777)
            asked = pathlib.Path(folder, "asked")
            for name, text in {"dpkg-query": dpkg_query,
                               "apt-get": f'#!/bin/sh\necho "$@" >>{asked}\n'}.items():
                program = pathlib.Path(folder, name)
                program.write_text(text)
                program.chmod(stat.S_IRWXU | stat.S_IROTH | stat.S_IXOTH)
            result = subprocess.run([*before, "bash", "-s", "--", *flags], check=False, text=True,
                                    input=SCRIPT.read_text(), capture_output=True,
                                    env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
            return result, asked.read_text() if asked.exists() else ""

    def test_does_nothing_where_all_is_there(self):
        result, asked = self.run_with(ALL_THERE)
        self.assertEqual(0, result.returncode, result.stderr)
        self.assertIn("packages are installed", result.stdout)
        self.assertEqual("", asked)

    def test_without_root_it_says_what_is_missing(self):
        drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        result, asked = self.run_with(ALL_BUT_CLANG, before=drop if os.geteuid() == 0 else [])
        self.assertEqual(3, result.returncode, result.stdout)
        self.assertEqual("setup: must run as root (sudo scripts/setup) to install: clang",
                         result.stderr.strip())
        self.assertEqual("", asked)

    @unittest.skipIf(os.geteuid() != 0 or not os.path.exists("/usr/sbin/policy-rc.d"),
                     "would write /usr/sbin/policy-rc.d")
    def test_installs_only_what_is_missing(self):
        result, asked = self.run_with(ALL_BUT_CLANG, "--build-only")
        self.assertEqual(0, result.returncode, result.stderr)
        self.assertIn("setup: installs 1 packages: clang", result.stdout)
        self.assertEqual(["clang"], asked.splitlines()[-1].split("--no-install-recommends ")[1].split())

    def test_unknown_flag(self):
        result, _ = self.run_with(ALL_THERE, "--bogus")
        self.assertEqual(2, result.returncode)

    def test_lists(self):
        build, everything = listed("--build-only"), listed()
        self.assertEqual(len(everything), len(set(everything)))
        self.assertLess(set(build), set(everything))
        self.assertIn("libbpf-dev", build)
        self.assertNotIn("postgresql", build)


if __name__ == "__main__":
    unittest.main()

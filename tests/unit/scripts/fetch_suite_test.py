# SPDX-License-Identifier: Apache-2.0
"""scripts/fetch-suite against a made-up apt-get: once, and visibly not at all."""

import os
import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "scripts" / "fetch-suite"

# Puts one file where apt-get would have put a package.
FETCHES = """#!/bin/sh
echo "$@" >>"$ASKED"
case "$*" in *--download-only*) : >"$(dirname "$APT_CONFIG")/cache/archives/tool_1_all.deb" ;; esac
"""
NO_NETWORK = '#!/bin/sh\necho "E: Failed to fetch"\nexit 100\n'
UNPACKS = '#!/bin/sh\nmkdir -p "$3/usr/bin" && echo tool >"$3/usr/bin/tool"\n'


@unittest.skipUnless(os.path.exists("/usr/share/keyrings/debian-archive-keyring.gpg"),
                     "no Debian archive keyring")
class FetchSuite(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.asked = self.folder / "asked"
        (self.folder / "bin").mkdir()
        self.put("dpkg-deb", UNPACKS)

    def put(self, name, text):
        program = self.folder / "bin" / name
        program.write_text(text)
        program.chmod(0o755)

    def fetch(self, *words, apt_get=FETCHES):
        self.put("apt-get", apt_get)
        return subprocess.run(
            [SCRIPT, *words], check=False, capture_output=True, text=True,
            env={**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
                 "LOOPSTALL_CACHE": str(self.folder / "cache"), "ASKED": str(self.asked)})

    def test_fetches_once(self):
        first = self.fetch("sid", "tool", "other")
        self.assertEqual(0, first.returncode, first.stderr)
        root = pathlib.Path(first.stdout.strip())
        self.assertEqual("tool\n", (root / "bin" / "tool").read_text())
        self.assertTrue(os.access(root / "run", os.X_OK) and os.access(root / "enter", os.X_OK))
        asked = self.asked.read_text()
        self.assertIn("update", asked)
        self.assertIn("other tool", asked)
        again = self.fetch("sid", "other", "tool", apt_get=NO_NETWORK)
        self.assertEqual((0, first.stdout), (again.returncode, again.stdout))

    def test_other_packages_and_suites_have_places_of_their_own(self):
        roots = {self.fetch(*words).stdout for words in
                 (("sid", "tool"), ("trixie", "tool"), ("sid", "tool", "other"))}
        self.assertEqual(3, len(roots))

    def test_without_network_it_is_skipped_with_the_reason(self):
        result = self.fetch("sid", "tool", apt_get=NO_NETWORK)
        self.assertEqual((77, ""), (result.returncode, result.stdout))
        self.assertIn("fetch-suite: skipped: the package lists of sid cannot be fetched",
                      result.stderr)
        self.assertIn("E: Failed to fetch", result.stderr)

    def test_offline_it_asks_nobody(self):
        self.assertEqual(77, self.fetch("--offline", "sid", "tool").returncode)
        self.assertFalse(self.asked.exists())

    def test_words(self):
        self.assertEqual(2, self.fetch("sid").returncode)
        self.assertEqual(2, self.fetch("--bogus", "sid", "tool").returncode)


if __name__ == "__main__":
    unittest.main()

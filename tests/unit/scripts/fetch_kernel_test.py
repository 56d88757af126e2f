# SPDX-License-Identifier: Apache-2.0
"""scripts/fetch-kernel against a made-up archive: the pinned package, the newest, or visibly none."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PINNED = "linux-image-6.1.0-56-cloud-amd64"
NEWEST = "linux-image-6.1.0-60-cloud-amd64"

# An archive that has the packages named in $HAS, each with its own name for content.
APT_GET = """#!/bin/sh
echo "$@" >>"$ASKED"
case "$*" in
  *download*)
    for word in "$@"; do wanted=$word; done
    name=${wanted%%=*}
    case " $HAS " in *" $name "*) printf %s "$name" >"${name}_1_amd64.deb" ;; *) exit 100 ;; esac ;;
esac
"""
APT_CACHE = '#!/bin/sh\nprintf "%s\\n" $HAS\n'
DPKG_DEB = """#!/bin/sh
case "$1" in
  -f) cat "$2"; echo ;;
  --fsys-tarfile) cd "$(dirname "$0")/tree" && tar -c . ;;
esac
"""


@unittest.skipUnless(os.path.exists("/usr/share/keyrings/debian-archive-keyring.gpg"),
                     "no Debian archive keyring")
class FetchKernel(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name in ("scripts", "tests/vm", "bin/tree/boot"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "bin" / "tree" / "boot" / "vmlinuz-6.1").write_text("kernel")
        (self.folder / "bin" / "tree" / "boot" / "config-6.1").write_text("other")
        for name in ("fetch-kernel", "private-apt"):
            shutil.copy(ROOT / "scripts" / name, self.folder / "scripts" / name)
        for name, text in (("apt-get", APT_GET), ("apt-cache", APT_CACHE), ("dpkg-deb", DPKG_DEB)):
            program = self.folder / "bin" / name
            program.write_text(text)
            program.chmod(0o755)
        self.pin(hashlib.sha256(PINNED.encode()).hexdigest())

    def pin(self, checksum):
        (self.folder / "tests" / "vm" / "kernels").write_text(
            f"# a comment\n6.1 bookworm {PINNED} 6.1.192-2 {checksum}\n")

    def fetch(self, *words, has=f"{PINNED} {NEWEST}"):
        return subprocess.run(
            [self.folder / "scripts" / "fetch-kernel", *words], check=False, capture_output=True,
            text=True, env={**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
                            "LOOPSTALL_CACHE": str(self.folder / "cache"), "HAS": has,
                            "ASKED": str(self.folder / "asked")})

    def test_fetches_the_pinned_one_once(self):
        first = self.fetch("6.1")
        self.assertEqual(0, first.returncode, first.stderr)
        release, path = first.stdout.split()
        self.assertEqual("6.1.0-56-cloud-amd64", release)
        self.assertEqual("kernel", pathlib.Path(path).read_text())
        self.assertFalse(list((self.folder / "cache").rglob("config-*")))
        again = self.fetch("6.1", has="")
        self.assertEqual((0, first.stdout), (again.returncode, again.stdout))

    def test_takes_the_newest_of_the_series_where_the_pinned_one_is_gone(self):
        other = "linux-image-6.12.1-cloud-amd64"
        fetched = self.fetch("6.1", has=f"{NEWEST} linux-image-6.1.0-9-cloud-amd64 {other}")
        self.assertEqual(0, fetched.returncode, fetched.stderr)
        self.assertTrue(fetched.stdout.startswith("6.1.0-60-cloud-amd64 "))
        self.assertIn(f"takes {NEWEST}", fetched.stderr)

    def test_refuses_another_content(self):
        self.pin("0" * 64)
        fetched = self.fetch("6.1")
        self.assertEqual(77, fetched.returncode)
        self.assertIn("is not what was pinned", fetched.stderr)
        self.assertEqual("", fetched.stdout)

    def test_no_kernel_is_a_visible_skip(self):
        fetched = self.fetch("6.1", has="")
        self.assertEqual(77, fetched.returncode)
        self.assertIn("skipped: bookworm has no kernel 6.1", fetched.stderr)

    def test_only_series_of_the_list(self):
        for words in (("6",), ("6.2",), ("--unknown",), (), ("6.1", "6.1")):
            self.assertEqual(2, self.fetch(*words).returncode, words)
        self.assertEqual("6.1\n", self.fetch("--list").stdout)


if __name__ == "__main__":
    unittest.main()

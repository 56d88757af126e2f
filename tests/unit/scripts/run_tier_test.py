# SPDX-License-Identifier: Apache-2.0
"""tests/e2e/run_tier.py: what fails once is named, what fails twice is red, and so is more than a little."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

RUN_TIER = pathlib.Path(__file__).resolve().parents[2] / "e2e" / "run_tier.py"
TESTS = """
import pathlib, pytest

@pytest.mark.parametrize("name", {names!r})
def test_of(name):
    seen = pathlib.Path({folder!r}) / name
    first = not seen.exists()
    seen.touch()
    if name.startswith("skipped"):
        pytest.skip("not here")
    assert name.startswith("good") or name.startswith("unsteady") and not first, "wrong " + name
"""


def outcome_of(*names):
    """(exit status, what was named as unsteady)."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "test_tried.py"
        file.write_text(TESTS.format(names=names, folder=folder))
        done = subprocess.run([sys.executable, "-B", str(RUN_TIER), str(file)], cwd="/", check=False,
                              capture_output=True, text=True)
    return done.returncode, [line for line in done.stdout.splitlines() if line.startswith("unsteady: ")]


class RunTier(unittest.TestCase):
    def test_all_pass(self):
        self.assertEqual((0, []), outcome_of("good 1", "skipped 2"))

    def test_all_are_skipped(self):
        self.assertEqual((77, []), outcome_of("skipped 1", "skipped 2"))

    def test_once_is_named(self):
        status, named = outcome_of("good 1", "unsteady 2")
        self.assertEqual((0, 1), (status, len(named)))
        self.assertIn("[unsteady 2]: AssertionError: wrong unsteady 2", named[0])

    def test_twice_is_red(self):
        self.assertEqual((1, []), outcome_of("unsteady 1", "bad 2"))

    def test_more_than_a_few_are_red(self):
        self.assertEqual((1, []), outcome_of("unsteady 1", "unsteady 2", "unsteady 3", "unsteady 4"))


if __name__ == "__main__":
    unittest.main()

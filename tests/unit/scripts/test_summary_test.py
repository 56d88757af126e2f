# SPDX-License-Identifier: Apache-2.0
"""scripts/test-summary fails where ctest would call a tier that never ran a success."""

import importlib.machinery
import importlib.util
import pathlib
import unittest
import unittest.mock
import xml.etree.ElementTree

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "scripts" / "test-summary"


def load():
    loader = importlib.machinery.SourceFileLoader("test_summary", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("test_summary", loader))
    loader.exec_module(module)
    return module


SUMMARY = load()


def case(name, kind):
    """A testcase element as ctest 3.25 writes it."""
    inner = {
        "passed": '<system-out>fine</system-out>',
        "unsteady": '<system-out>F\nunsteady: test_x.py::a: 1 == 2; not when run again</system-out>',
        "failed": '<failure message=""/><system-out>bad</system-out>',
        "missing": '<skipped message="Unable to find executable"/>',
        "gtest": '<skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/><system-out>'
                 'a_test.cc:12: Skipped\nneeds BTF\n\n[  SKIPPED ] A.b (0 ms)</system-out>',
        "skipped": '<skipped message="SKIP_RETURN_CODE=77"/>'
                   '<system-out>some words\nskipped: needs root\nother words</system-out>',
    }[kind]
    status = {"passed": "run", "unsteady": "run", "failed": "fail"}.get(kind, "notrun")
    return xml.etree.ElementTree.fromstring(
        f'<testcase name="{name}" status="{status}">{inner}</testcase>')


def summarise(outcomes, tiers, root=True):
    """outcomes: {name: (tier, kind)}"""
    cases = [case(name, kind) for name, (_, kind) in outcomes.items()]
    labels = {name: [tier] for name, (tier, _) in outcomes.items()}
    with unittest.mock.patch("os.geteuid", return_value=0 if root else 1000), \
            unittest.mock.patch("os.path.exists", return_value=True):
        return SUMMARY.summarise(cases, labels, tiers)


class Summary(unittest.TestCase):
    def test_counts_by_tier(self):
        lines, faults = summarise({"a": ("unit", "passed"), "b": ("unit", "failed"),
                                   "c": ("e2e", "passed"), "d": ("e2e", "skipped")}, ["unit", "e2e"])
        self.assertEqual([], faults)
        self.assertEqual(["unit", "1", "1", "0"], lines[1].split())
        self.assertEqual(["e2e", "1", "0", "1"], lines[2].split())

    def test_a_skip_is_told_with_its_reason(self):
        lines, _ = summarise({"c": ("e2e", "passed"), "d": ("e2e", "skipped")}, ["e2e"])
        self.assertEqual("  skipped: d: skipped: needs root", lines[-1])

    def test_a_failure_is_told_with_its_last_words(self):
        lines, _ = summarise({"b": ("e2e", "failed"), "c": ("e2e", "passed")}, ["e2e"])
        self.assertEqual(["  failed: b", "  | bad"], lines[-2:])

    def test_what_passed_only_when_run_again_is_told(self):
        lines, faults = summarise({"b": ("e2e", "unsteady"), "c": ("e2e", "passed")}, ["e2e"])
        self.assertEqual(["e2e", "2", "0", "0"], lines[1].split())
        self.assertEqual("  unsteady: test_x.py::a: 1 == 2; not when run again", lines[-1])
        self.assertEqual([], faults)

    def test_the_reason_of_a_googletest_skip(self):
        lines, _ = summarise({"d": ("unit", "gtest"), "e": ("unit", "passed")}, ["unit"])
        self.assertEqual("  skipped: d: needs BTF", lines[-1])

    def test_a_missing_program_is_a_failure(self):
        lines, faults = summarise({"d": ("e2e", "missing")}, ["e2e"])
        self.assertEqual(["e2e", "0", "1", "0"], lines[1].split())
        self.assertEqual([], faults)

    def test_a_tier_that_was_all_skipped_though_root_is_a_fault(self):
        _, faults = summarise({"a": ("unit", "passed"), "b": ("e2e", "skipped")}, ["unit", "e2e"])
        self.assertEqual(["tier e2e: every test was skipped, though it could have run here"], faults)

    def test_a_tier_without_tests_is_a_fault(self):
        _, faults = summarise({"a": ("unit", "passed")}, ["unit", "bpf"])
        self.assertEqual(["tier bpf: it has no tests, though it could have run here"], faults)

    def test_without_root_privileged_tiers_may_be_skipped_but_unit_may_not(self):
        _, faults = summarise({"a": ("e2e", "skipped"), "b": ("bpf", "skipped")}, ["e2e", "bpf"],
                              root=False)
        self.assertEqual([], faults)
        _, faults = summarise({"a": ("unit", "skipped")}, ["unit"], root=False)
        self.assertEqual(1, len(faults))

    def test_a_failing_tier_was_not_skipped(self):
        _, faults = summarise({"a": ("e2e", "failed"), "b": ("e2e", "skipped")}, ["e2e"])
        self.assertEqual([], faults)


if __name__ == "__main__":
    unittest.main()

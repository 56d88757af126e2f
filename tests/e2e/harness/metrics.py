# SPDX-License-Identifier: Apache-2.0
"""A parser of the Prometheus text format, as small as the tests need it."""

import re

_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?')
_ESCAPE = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def _unescape(text):
    return re.sub(r'\\[\\"n]', lambda match: _ESCAPE[match.group()], text)


class Scrape:
    """The samples of one scrape: sums over those that bear the given labels."""

    def __init__(self, text):
        self.samples = []
        for line in text.splitlines():
            if not line or line.startswith("#"):
                continue
            match = _SAMPLE.match(line)
            assert match, f"not a sample line: {line!r}"
            name, labels, value = match.groups()
            pairs = {key: _unescape(raw) for key, raw in _LABEL.findall(labels or "")}
            self.samples.append((name, pairs, float(value)))

    def find(self, name, **labels):
        return [(pairs, value) for sample, pairs, value in self.samples
                if sample == name and all(pairs.get(key) == want for key, want in labels.items())]

    def sum(self, name, **labels):
        return sum(value for _, value in self.find(name, **labels))


class Change:
    """What was counted between two scrapes."""

    def __init__(self, before, after):
        self.before = before
        self.after = after

    def sum(self, name, **labels):
        return self.after.sum(name, **labels) - self.before.sum(name, **labels)

    def values_of(self, name, label, **labels):
        """The change of each value of one label."""
        values = {pairs.get(label) for pairs, _ in self.after.find(name, **labels)}
        return {value: self.sum(name, **{label: value}, **labels) for value in sorted(values)}

    def lost(self):
        """{reason: how many} of the measurements that were lost."""
        counts = self.values_of("loopstall_events_lost_total", "reason")
        return {reason: count for reason, count in counts.items() if count}

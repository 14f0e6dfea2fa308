# SPDX-License-Identifier: Apache-2.0
"""Outcomes of the tests of a run, or the differences of two runs; for bin/spark-suites.

outcomes.py REPORTS: a line for each test of the XML reports in a folder: outcome, suite and test.
outcomes.py BEFORE AFTER ARGUED: the tests that have another outcome in the second list. Fails if there is one
whose suite and test are not a line of ARGUED, or none that was run.
"""

import sys
import xml.etree.ElementTree as Xml
from pathlib import Path


def outcomes(reports: Path) -> list[str]:
    lines = []
    for report in sorted(reports.glob("TEST-*.xml")):
        for case in Xml.parse(report).getroot().iter("testcase"):
            children = {child.tag for child in case}
            outcome = "failed" if children & {"failure", "error"} else "skipped" if children else "passed"
            lines.append(f"{outcome} {case.get('classname')}: {' '.join(case.get('name', '').split())}")
    return lines


def read(path: str) -> dict[str, str]:
    lines = (line.split(" ", 1) for line in Path(path).read_text().splitlines())
    return {test: outcome for outcome, test in lines}


def differences(before: str, after: str, argued: str) -> int:
    known = {line for line in Path(argued).read_text().splitlines() if line and not line.startswith("#")}
    first, second = read(before), read(after)
    if not first:
        print("no test was run")
        return 1
    differ = {test: (first.get(test, "absent"), second.get(test, "absent")) for test in first.keys() | second.keys()}
    found = {test: pair for test, pair in sorted(differ.items()) if pair[0] != pair[1]}
    for test, (was, now) in found.items():
        print(f"{'argued' if test in known else 'DIFFERS'}: {test}: {was} without the cache, {now} with it")
    unargued = found.keys() - known
    print(f"{len(first)} tests, {len(found)} differ, {len(unargued)} of them not argued")
    return 1 if unargued else 0


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print("\n".join(outcomes(Path(sys.argv[1]))))
    else:
        sys.exit(differences(*sys.argv[1:]))

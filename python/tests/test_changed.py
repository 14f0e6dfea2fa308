# SPDX-License-Identifier: Apache-2.0
"""One change between two applications, of code, data, modules, libraries, environment, files or neighbours in the
worker: where the rows of a fresh worker differ, nothing that the first application kept is found by the second."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from pathlib import Path

import judge
from changed import CASES, Case, prepare
from conftest import SEED, Programs

SAMPLE = int(os.environ.get("SPARKDISKCACHE_CHANGES") or 17)
# Each of these programs is kept as long as nothing changes.
KEPT_AT_LEAST = 0.6


def sample(cases: list[Case], number: int) -> list[Case]:
    chosen = random.Random(SEED).sample(range(len(cases)), min(number, len(cases)))
    return [cases[i] for i in sorted(chosen)]


def test_nothing_is_served_where_a_change_shows(tmp_path: Path) -> None:
    print(f"seed {SEED}, {SAMPLE} of {len(CASES)} changes")
    together: dict[str, list[Case]] = defaultdict(list)
    # An environment takes processes of its own.
    usual = [case for case in CASES if case.environment == ({}, {})]
    others = [case for case in CASES if case.environment != ({}, {})]
    for case in [*sample(usual, SAMPLE), *sample(others, max(1, SAMPLE // 9))]:
        together[str(case.environment)].append(case)
    kept = shown = 0
    wrong = []
    for number, cases in enumerate(together.values()):
        directory = tmp_path / str(number)
        site = directory / "site-packages"  # as libraries are recognised by who looks at stacks
        site.mkdir(parents=True)
        said = []
        unchanged: dict[str, bool] = {}
        for application in (0, 1):
            for case in cases:
                prepare(case, application, directory, site)
            if application == 1:
                unchanged = {n: "reads" not in s or judge.unchanged(s) for n, s in said[0].items()}
            path = {"PYTHONPATH": f"{directory}:{site}"}
            names = [case.name for case in cases]
            said.append(
                judge.application(
                    directory, application, names, {**path, **cases[0].environment[application]}
                )
            )
        first, second = said
        for case in cases:
            one, two = first[case.name], second[case.name]
            rows = one.get("rows", one["truth"]), two.get("rows", two["truth"])
            found = one.get("digest") == two.get("digest") and unchanged[case.name]
            kept += judge.is_kept(two)
            shown += rows[0] != rows[1]
            if judge.is_kept(one) and found and rows[0] != rows[1]:
                wrong.append((case.name, case.code[0], rows))
    total = sum(map(len, together.values()))
    print(f"{total} changes: rows differ in {shown}, {kept} programs kept, {len(wrong)} wrong")
    assert wrong == [], f"seed {SEED}"
    assert shown >= 0.7 * total, "programs whose change does not show prove nothing"
    assert kept >= (KEPT_AT_LEAST if total > 100 else 0.2) * total


def test_applications_of_spark_agree(programs: Programs, data: str) -> None:
    print(f"seed {SEED}")
    sent = [c for c in CASES if c.environment == ({}, {}) and not c.before]
    cases = sample(sent, 10)
    programs.write("changes.py", (Path(__file__).parent / "programs" / "changes.py").read_text())
    site = programs.directory / "site-packages"
    site.mkdir()
    tests = str(Path(__file__).parent)
    names = ",".join(case.name for case in cases)
    path = f"{programs.directory}:{site}"
    found = []
    for application in (0, 1):
        for case in cases:
            prepare(case, application, programs.directory, site)
        found.append(programs.run("changes.py", data, tests, str(application), names, PYTHONPATH=path))
    kept = 0
    for case in cases:
        for one in (part[case.name] for part in found):
            assert "error" in one or one["rows"] == one["truth"], (SEED, case.name, one)
        kept += "error" not in found[0][case.name] and found[0][case.name]["computed"] > 0
    assert kept > 0

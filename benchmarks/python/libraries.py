# SPDX-License-Identifier: Apache-2.0
"""What an application pays, once, for the identity of installed libraries, unchanged since the last one.

``libraries.py make DIRECTORY DISTRIBUTIONS`` writes distributions, each of which requires the one before;
``libraries.py measure DIRECTORY`` prints milliseconds of this process: of listing all, and of the digests of
those that a function reaches, here twenty of them and all of them.
"""

from __future__ import annotations

import base64
import hashlib
import sys
import time
from pathlib import Path

from sparkdiskcache._libraries import Machine

MODULES = 25
REACHED = 20


def make(directory: Path, distributions: int) -> None:
    for number in range(distributions):
        name = f"library{number:03}"
        record = []
        for module in ["__init__", *(f"module{i}" for i in range(MODULES - 1))]:
            path = directory / name / f"{module}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"# {name} {module}\nVALUE = {number}\n" * 40)
            digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
            record.append(f"{name}/{module}.py,sha256={digest},{path.stat().st_size}")
        info = directory / f"{name}-1.0.dist-info"
        info.mkdir()
        requires = f"Requires-Dist: library{number - 1:03}\n" if number else ""
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}\ntext\n")
        record += [f"{info.name}/METADATA,,", f"{info.name}/RECORD,,"]
        (info / "RECORD").write_text("\n".join(record) + "\n")


def measure(directory: Path) -> None:
    start = time.perf_counter()
    machine = Machine([str(directory)])
    known = machine.distributions()
    listed = time.perf_counter()
    first = machine.digests([f"library{REACHED - 1:03}"])
    some = time.perf_counter()
    every = machine.digests([f"library{len(known) - 1:03}"])
    end = time.perf_counter()
    assert len(first) == REACHED and len(every) == len(known)
    print(
        f"{len(known)} distributions: listed in {(listed - start) * 1e3:.1f} ms, digests of {REACHED} in"
        f" {(some - listed) * 1e3:.1f} ms, of all in {(end - some) * 1e3:.1f} ms"
    )


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        measure(Path(sys.argv[2]))

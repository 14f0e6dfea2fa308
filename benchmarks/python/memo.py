# SPDX-License-Identifier: Apache-2.0
"""Hits of a memoised Python function per second, by one process, beside python-diskcache's memoize.

Batches are handed over as to a worker of Spark's. Medians of seven after three for warm-up. Arguments: an
empty directory, and how many distinct inputs there are.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import diskcache
import pyarrow as pa
from pyspark.cloudpickle import cloudpickle
from pyspark.sql import types as t

from sparkdiskcache import _memo, _memofront

RUNS = 7
WARM_UP = 3
BATCH = 10_000  # as spark.sql.execution.arrow.maxRecordsPerBatch
KILOBYTE = "x" * 1000


def answer(argument: object) -> str:
    return f"answer to {hash(argument)}"


def rate(rows: int, measured: Callable[[], None], before: Callable[[], None] = lambda: None) -> float:
    seconds = []
    for i in range(-WARM_UP, RUNS):
        before()
        start = time.perf_counter()
        measured()
        if i >= 0:
            seconds.append(time.perf_counter() - start)
    return rows / statistics.median(seconds)


def measure(directory: Path, distinct: int, what: str, inputs: list[object]) -> None:
    column = pa.array(inputs)
    batches = [[column.slice(start, BATCH)] for start in range(0, distinct, BATCH)]
    pickled, options = cloudpickle.dumps(answer), _memo.memoize(answer)._options

    def calls() -> _memo._Calls:
        return _memo._Calls(pickled, f"benchmark {what}", "", t.StringType(), options, str(directory / "ours"))

    def all_batches(of: _memo._Calls) -> None:
        for batch in batches:
            if of.evaluate(batch).null_count:
                raise RuntimeError("an answer is missing")

    ours = calls()
    all_batches(ours)
    memory = rate(distinct, lambda: all_batches(ours))
    files = rate(distinct, lambda: all_batches(calls()), lambda: _memofront.front().clear())

    with diskcache.Cache(str(directory / "peer"), eviction_policy="none", size_limit=1 << 40) as peer:
        kept = peer.memoize()(answer)

        def all_inputs() -> None:
            for argument in inputs:
                kept(argument)

        all_inputs()
        theirs = rate(distinct, all_inputs)
    print(
        f"| {what} | {memory:,.0f} | {files:,.0f} | {theirs:,.0f} | {memory / theirs:.0f} | {files / theirs:.0f} |",
        flush=True,
    )


def main() -> None:
    directory, distinct = Path(sys.argv[1]), int(sys.argv[2])
    (directory / "ours").mkdir(mode=0o700, parents=True)
    print("| argument | from memory, rows/s | from the files, rows/s | python-diskcache, rows/s | ratio | ratio |")
    print("|---|---|---|---|---|---|")
    measure(directory, distinct, "long", list(range(distinct)))
    measure(directory, distinct, "short string", [f"input-{i}" for i in range(distinct)])
    measure(directory, distinct, "string of 1 KB", [f"{KILOBYTE}{i}" for i in range(distinct)])


main()

# SPDX-License-Identifier: Apache-2.0
"""Hits of memoised Python functions, plain and of pandas, per second, by one process, beside python-diskcache's memoize.

Batches are handed over as to a worker of Spark's. Medians of seven after three for warm-up. Arguments: an
empty directory, and how many distinct inputs there are.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import diskcache
import pandas as pd
import pyarrow as pa
from pyspark.cloudpickle import cloudpickle
from pyspark.sql import types as t

from sparkdiskcache import _memo, _memocalls, _memofront

RUNS = 7
WARM_UP = 3
BATCH = 10_000  # as spark.sql.execution.arrow.maxRecordsPerBatch
KILOBYTE = "x" * 1000


def answer(argument: object) -> str:
    return f"answer to {hash(argument)}"


def answer_pandas(arguments: pd.Series) -> pd.Series:
    return pd.Series([answer(argument) for argument in arguments])


def rate(rows: int, measured: Callable[[], None], before: Callable[[], None] = lambda: None) -> float:
    seconds = []
    for i in range(-WARM_UP, RUNS):
        before()
        start = time.perf_counter()
        measured()
        if i >= 0:
            seconds.append(time.perf_counter() - start)
    return rows / statistics.median(seconds)


def ours(directory: Path, distinct: int, what: str, function: Callable[..., object], column: pd.Series) -> list[float]:
    options = _memo.memoize(function)._options
    pieces = [column.iloc[start : start + BATCH].reset_index(drop=True) for start in range(0, distinct, BATCH)]
    batches = [[piece if options.kind == "pandas" else pa.Array.from_pandas(piece)] for piece in pieces]
    pickled = cloudpickle.dumps(function)

    def calls() -> _memocalls.Calls:
        return _memocalls.Calls(pickled, f"benchmark {what}", "", t.StringType(), options, str(directory))

    def all_batches(of: _memocalls.Calls) -> None:
        for batch in batches:
            if len(of.evaluate(batch)) != len(batch[0]):
                raise RuntimeError("an answer is missing")

    kept = calls()
    all_batches(kept)
    memory = rate(distinct, lambda: all_batches(kept))
    return [memory, rate(distinct, lambda: all_batches(calls()), lambda: _memofront.front().clear())]


def measure(directory: Path, distinct: int, what: str, inputs: list[object]) -> None:
    column = pd.Series(inputs)
    rates = ours(directory / "ours", distinct, what, answer, column)
    rates += ours(directory / "ours", distinct, what, answer_pandas, column)

    with diskcache.Cache(str(directory / "peer"), eviction_policy="none", size_limit=1 << 40) as peer:
        kept = peer.memoize()(answer)

        def all_inputs() -> None:
            for argument in inputs:
                kept(argument)

        all_inputs()
        rates.append(rate(distinct, all_inputs))
    print(f"| {what} | " + " | ".join(f"{r:,.0f}" for r in rates) + " |", flush=True)


def main() -> None:
    directory, distinct = Path(sys.argv[1]), int(sys.argv[2])
    (directory / "ours").mkdir(mode=0o700, parents=True)
    print("| argument | plain, memory | plain, files | pandas, memory | pandas, files | python-diskcache |")
    print("|---|---|---|---|---|---|")
    measure(directory, distinct, "long", list(range(distinct)))
    measure(directory, distinct, "short string", [f"input-{i}" for i in range(distinct)])
    measure(directory, distinct, "string of 1 KB", [f"{KILOBYTE}{i}" for i in range(distinct)])


main()

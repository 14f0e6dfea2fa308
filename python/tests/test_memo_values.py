# SPDX-License-Identifier: Apache-2.0
"""Values a memoised function can tell apart have different keys; what a plain function may return is kept."""

from __future__ import annotations

import datetime
import decimal
import itertools
from typing import Any

import numpy as np
import pytest
from pyspark.sql import types as t

from sparkdiskcache import DiskCacheError, memoize
from sparkdiskcache import _memovalues as values

D = decimal.Decimal


def test_values_that_a_function_can_tell_apart_never_share_a_key() -> None:
    different: list[Any] = [
        D("0"), D("-0"), D("0.0"), D("-0.0"), D("1"), D("1.0"), 0, 0.0, -0.0, 1, 1.0, True, False, None,
        float("nan"), float("inf"), "", "0", "1", b"", b"1", bytearray(b""), bytearray(b"1"), "None",
        datetime.date(1970, 1, 1), datetime.datetime(1970, 1, 1), datetime.timedelta(0), [], [0], [[0]], [0, 0],
        ["0"], [False], 1 << 70, -1, 255, 256, "ä", "a\u0308", "\ud800",
    ]  # fmt: skip
    for one, other in itertools.combinations(different, 2):
        assert values.argument(one) != values.argument(other), (one, other)


@pytest.mark.parametrize(
    ("returned", "declared", "kept"),
    [
        (np.int64(5), t.LongType(), 5),
        (np.int32(5), t.DoubleType(), 5.0),
        (np.float32(1.5), t.DoubleType(), 1.5),
        (np.bool_(True), t.BooleanType(), True),
        (np.str_("x"), t.StringType(), "x"),
        (np.datetime64("2020-01-02"), t.DateType(), datetime.date(2020, 1, 2)),
        (np.array([1, 2]), t.ArrayType(t.LongType()), [1, 2]),
        (np.array([[1.5], [2]]), t.ArrayType(t.ArrayType(t.DoubleType())), [[1.5], [2.0]]),
        ([np.int64(1), 2], t.ArrayType(t.DoubleType()), [1.0, 2.0]),
        (3, t.DoubleType(), 3.0),
        (3, t.FloatType(), 3.0),
        (7, t.StringType(), "7"),
        (True, t.StringType(), "true"),
        (D("-0.001"), t.DecimalType(10, 2), D("0.00")),
    ],
)
def test_results_that_a_plain_function_may_return_are_kept(
    returned: Any, declared: t.DataType, kept: Any
) -> None:
    read = values.decode(values.encode(returned, declared), declared)
    assert (read, repr(read)) == (kept, repr(kept))


def test_memoising_twice_keeps_the_options_of_the_outer_one_and_the_keys_of_both() -> None:
    @memoize(params={"a": 1}, version="2", tag="inner")
    def f(x: str) -> str:
        return x

    options = memoize(f, params={"b": 2}, ttl=5, tag="outer")._options
    assert (options.version, options.tag, options.ttl_millis) == ("2", "outer", 5000)
    assert dict(options.params) == {"a": values.argument(1), "b": values.argument(2)}
    assert memoize(f, params={"b": "2"})._options.params != memoize(f, params={"b": 2})._options.params


@pytest.mark.parametrize("value", [object(), {"a": 1}, [1], lambda: 1, np.zeros(2), 1 + 2j])
def test_parameters_that_no_text_says_all_of_are_refused(value: Any) -> None:
    with pytest.raises(DiskCacheError, match="params 'model'"):
        memoize(lambda x: x, params={"model": value})

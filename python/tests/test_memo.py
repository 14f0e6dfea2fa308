# SPDX-License-Identifier: Apache-2.0
"""Memoised functions: what reaches the user's function, and what does not."""

from __future__ import annotations

import datetime
import decimal
import math
import sqlite3
import subprocess
import sys
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pytest
from counting import Service
from pyspark.sql import Row
from pyspark.sql import types as t
from workers import end_workers, in_this_process

from sparkdiskcache import (
    DiskCache,
    DiskCacheError,
    _memo,
    _memobatch,
    _memofront,
    _memoremote,
    _memostore,
    _memovalues,
    memo_apply,
    memoize,
)  # fmt: skip


def ask(url: str, name: str = "ask", suffix: str = "") -> Any:
    scope: dict[str, Any] = {"__name__": "__main__", "url": url}
    exec(
        f"import urllib.request\ndef {name}(k):\n    return urllib.request.urlopen(url + k).read().decode()"
        f" + {suffix!r}",
        scope,
    )
    return scope[name]


def run(spark: Any, function: Any, rows: int = 40, distinct: int = 10) -> list[Any]:
    df = spark.range(0, rows, 1, 4).selectExpr(f"concat('k', id % {distinct}) as k", "id")
    answered = df.select("id", function("k")).collect()  # sorting in Spark would evaluate them twice
    return [answer for _, answer in sorted(answered)]


def test_one_call_per_distinct_argument_in_order_and_evicted_by_name(
    spark: Any, cache: DiskCache, service: Service
) -> None:
    function = memoize(ask(service.url), tag="asked", version="1", price=0.5)
    expected = [f"K{i % 10}" for i in range(40)]
    assert run(spark, function) == expected
    asked = service.asked()
    assert set(asked) == {f"k{i}" for i in range(10)} and len(asked) == 10
    assert run(spark, function) == expected
    assert service.asked() == []

    spark.udf.register("slow", function)
    spark.range(40).selectExpr("concat('k', id % 10) as k").createOrReplaceTempView("t")
    assert spark.sql("SELECT sum(length(slow(k))) FROM t").head()[0] == 80
    assert service.asked() == []

    sums = "sum(calls), sum(hits), sum(money_spent), sum(money_saved)"
    line = spark.sql(f"SELECT {sums} FROM diskcache_memo() WHERE function = 'ask'").head()
    assert tuple(line) == (10, 110, 5.0, 55.0)

    evict = "SELECT * FROM diskcache_evict('function=ask arg=k7', {})"
    assert spark.sql(evict.format("true")).count() == 1
    assert spark.sql(evict.format("false")).count() == 1
    assert run(spark, function) == expected
    assert service.asked() == ["k7"]


def test_rows_at_home_are_the_rows_there_were_and_labels_select(
    spark: Any, cache: DiskCache, service: Service
) -> None:
    function = memoize(ask(service.url, "homed"), tag=["paid", "maps"])
    df = spark.range(0, 40, 1, 4).selectExpr("concat('k', id % 10) as k", "id")
    answered = memo_apply(df, "answer", function, "k")
    assert answered.columns == ["k", "id", "answer"]
    assert sorted(answered.collect()) == sorted((k, i, k.upper()) for k, i in df.collect())
    assert len(service.asked()) == 10
    selected = "SELECT * FROM diskcache_evict('tag={}', true)"
    assert spark.sql(selected.format("maps")).count() == spark.sql(selected.format("paid")).count() == 10
    with pytest.raises(DiskCacheError, match="not memoised"):
        memo_apply(df, "answer", str.upper, "k")  # type: ignore[arg-type]


def test_an_edited_function_calls_again_and_the_old_answers_stay(
    spark: Any, cache: DiskCache, service: Service
) -> None:
    assert run(spark, memoize(ask(service.url, "edited")))[1] == "K1"
    assert len(service.asked()) == 10
    assert run(spark, memoize(ask(service.url, "edited", "!")))[1] == "K1!"
    assert len(service.asked()) == 10
    assert run(spark, memoize(ask(service.url, "edited")))[1] == "K1"
    assert service.asked() == []
    for options in ({"version": "2"}, {"params": {"model": "a"}}, {"params": {"model": "b"}}):
        run(spark, memoize(ask(service.url, "edited"), **options))
        assert len(service.asked()) == 10
    assert run(spark, memoize(ask(service.url, "edited"), name="other", tag="t"))[1] == "K1"
    assert service.asked() == []


def test_a_file_that_the_function_reads_is_an_input_of_its_answers(
    spark: Any, cache: DiskCache, service: Service, tmp_path: Path
) -> None:
    path = tmp_path / "suffix.txt"

    def reading() -> Any:
        scope: dict[str, Any] = {"__name__": "__main__", "url": service.url, "path": str(path)}
        exec(
            "import urllib.request\ndef reading(k):\n    with open(path) as file:\n"
            "        return urllib.request.urlopen(url + k).read().decode() + file.read()",
            scope,
        )
        return memoize(scope["reading"])

    def expect(suffix: str, calls: int) -> None:
        assert run(spark, reading()) == [f"K{i % 10}{suffix}" for i in range(40)]
        assert len(service.asked()) == calls

    path.write_text("1")
    expect("1", 10)
    expect("1", 0)
    path.write_text("2")
    second = [f"K{i % 10}2" for i in range(40)]
    assert run(spark, reading()) == second  # workers that may hold the other content in memory keep nothing
    end_workers()
    assert run(spark, reading()) == second
    assert {f"k{i}" for i in range(10)} == set(service.asked())
    expect("2", 0)
    path.write_text("1")
    expect("1", 0)
    path.unlink()
    with pytest.raises(Exception, match="FileNotFoundError"):
        run(spark, reading())


def test_errors_are_never_kept(spark: Any, cache: DiskCache, service: Service) -> None:
    df = spark.createDataFrame([("fail1",)], "k string")
    with pytest.raises(Exception, match="500"):
        df.select(memoize(ask(service.url, "failing"))("k")).collect()
    assert service.asked() == ["fail1"]
    lenient = memoize(ask(service.url, "failing"), on_error="null", retries=1, back_off=0)
    for _ in range(2):
        assert df.select(lenient("k")).collect() == [Row(None)]
        assert service.asked() == ["fail1", "fail1"]


def test_a_task_that_is_to_report_finishes_its_batch_and_fails(
    spark: Any, cache: DiskCache, service: Service
) -> None:
    df = spark.createDataFrame([("r1",), ("fail1",), ("r2",), ("fail2",)], "k string").coalesce(1)
    function = memoize(ask(service.url, "reporting"), on_error="report")
    with pytest.raises(Exception, match="2 calls of reporting failed.*500"):
        df.select(function("k")).collect()
    assert service.asked() == ["fail1", "fail2", "r1", "r2"]
    assert df.where("k > 'g'").select(function("k")).collect() == [Row("R1"), Row("R2")]
    assert service.asked() == []


def test_the_oldest_results_of_a_limited_name_are_removed(tmp_path: Path) -> None:
    limit = 16 << 14
    for function in (lambda k: "v" * 1000, lambda k: "w" * 1000):  # edited: one name
        calls = in_this_process(function, tmp_path, name="limited", max_bytes=limit)
        for start in range(0, 500, 50):
            calls.answers([pa.array(range(start, start + 50))])
    other = in_this_process(lambda k: "x" * 1000, tmp_path, name="other", version="1")
    other.answers([pa.array(range(300))])
    kept: dict[str, list[int]] = {}
    for shard in (tmp_path / "memo").glob("memo-?.db"):
        with sqlite3.connect(shard) as connection:
            for name, bytes_ in connection.execute(
                "SELECT name, length(value) + length(arguments) + 100 FROM results JOIN functions ON id = function"
            ):
                kept.setdefault(name, []).append(bytes_)
        connection.close()
    assert limit / 2 < sum(kept["limited"]) < limit * 9 / 8
    assert len(kept["other"]) == 300
    with pytest.raises(DiskCacheError, match="max_bytes"):
        memoize(len, max_bytes=0)


def test_answers_given_before_a_failure_are_kept(spark: Any, cache: DiskCache, service: Service) -> None:
    df = spark.createDataFrame([("p1",), ("p2",), ("fail2",)], "k string").coalesce(1)
    with pytest.raises(Exception, match="500"):
        df.select(memoize(ask(service.url, "partly"))("k")).collect()
    assert service.asked() == ["fail2", "p1", "p2"]
    assert df.where("k < 'g'").count() == 1
    assert df.where("k > 'g'").select(memoize(ask(service.url, "partly"))("k")).collect() == [
        Row("P1"),
        Row("P2"),
    ]
    assert service.asked() == []


def test_what_has_no_identity_is_refused_by_name(spark: Any) -> None:
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec("def f(k):\n    return eval(k)", scope)
    with pytest.raises(DiskCacheError, match="eval"):
        memoize(scope["f"])("id")
    scope = {"__name__": "__main__", "lock": Lock()}
    exec("def f(k):\n    return str(lock)", scope)
    with pytest.raises(DiskCacheError, match="lock"):
        memoize(scope["f"])("id")
    with pytest.raises(DiskCacheError, match="interval"):
        memoize(len, return_type=t.CalendarIntervalType())("id")
    with pytest.raises(DiskCacheError, match="on_error"):
        memoize(len, on_error="ignore")


TYPES = [
    ("string", ["", "a", "\u00e9\u4e2d\U0001f600"]),
    ("boolean", [True, False]),
    ("tinyint", [-1, 127]),
    ("smallint", [-1, 32767]),
    ("int", [0, -(1 << 31)]),
    ("bigint", [1, (1 << 63) - 1]),
    ("double", [0.0, -0.0, math.inf]),
    ("float", [0.5, -0.0]),
    ("binary", [b"", b"\0\xff"]),
    ("decimal(38,10)", [decimal.Decimal("1.5000000000"), decimal.Decimal("-0.0000000001")]),
    ("date", [datetime.date(1, 1, 1), datetime.date(2026, 11, 23)]),
    ("timestamp_ntz", [datetime.datetime(1, 1, 1, 0, 0, 0, 1)]),
    ("timestamp", [datetime.datetime(1969, 12, 31, 23, 59, 59, 999999)]),
    ("interval day to second", [datetime.timedelta(microseconds=-1)]),
    ("array<string>", [[], ["a", None]]),
    ("struct<a:int,b:array<double>>", [Row(a=1, b=[-0.0])]),
]


@pytest.mark.parametrize(("name", "results"), TYPES, ids=[name for name, _ in TYPES])
def test_kept_results_are_those_of_a_plain_function(
    spark: Any, cache: DiskCache, name: str, results: list[Any]
) -> None:
    from pyspark.sql.functions import udf

    def pick(i: int) -> Any:
        return results[i] if i < len(results) else None

    df = spark.range(0, len(results) + 1, 1, 1)
    expected = df.select(udf(pick, name)("id").alias("r")).collect()
    function = memoize(pick, return_type=name, name=f"pick {name}")
    assert repr(df.select(function("id").alias("r")).collect()) == repr(expected)
    assert repr(df.select(function("id").alias("r")).collect()) == repr(expected)
    lines = spark.sql(f"SELECT * FROM diskcache_memo() WHERE function = 'pick {name}'").collect()
    assert sum(line.calls for line in lines) == len(results) + 1
    assert sum(line.hits for line in lines) == len(results) + 1


def test_arguments_arrive_as_in_a_plain_function(spark: Any, cache: DiskCache) -> None:
    from pyspark.sql.functions import col, struct, udf

    def show(*values: Any) -> str:
        return repr(values)

    df = spark.sql(
        "SELECT 1 AS i, 1.5D AS d, 'a' AS s, true AS b, date'2020-01-02' AS t, timestamp'2020-01-02 03:04:05' AS"
        " ts, timestamp_ntz'2020-01-02 03:04:05' AS n, 1.50BD AS dec, array(1, null) AS a, X'00' AS x, NULL AS z"
    )
    columns = [col(c) for c in df.columns] + [struct("i", "ts")]
    plain = df.select(udf(show)(*columns)).head()[0]
    kept = memoize(show)
    assert df.select(kept(*columns)).head()[0] == plain
    assert df.select(kept(*columns)).head()[0] == plain
    assert (
        sum(r.calls for r in spark.sql("SELECT * FROM diskcache_memo() WHERE function = 'show'").collect())
        == 1
    )


def test_different_arguments_have_different_encodings() -> None:
    values = [
        None, "", "a", "0", 0, 1, 1.0, 0.0, -0.0, math.nan, True, False, b"", b"a", decimal.Decimal("1"),
        decimal.Decimal("1.0"), datetime.date(1970, 1, 1), datetime.datetime(1970, 1, 1),
        datetime.timedelta(0), [], ["a"], [["a"]], ["a", "b"], ["ab"], Row("a"), Row(x="a"), Row(y="a"),
    ]  # fmt: skip
    encoded = [_memovalues.argument(value) for value in values]
    assert len(set(encoded)) == len(values)
    with pytest.raises(_memovalues.Unkeyed):
        _memovalues.argument({"a": 1})


def test_a_damaged_row_or_file_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    store = _memostore.Store(str(tmp_path))
    function = _memostore.Function("d", "f", "", "", "")
    key, other = b"\x30" + bytes(31), b"\x40" + bytes(31)
    now = _memostore.now_millis()
    result = _memostore.Result(_memovalues.encode("v", t.StringType()), now, _memostore.NEVER, 1, 0.0)
    store.commit(function, {key: result, other: result}, [])
    assert store.find([key, other]) == {key: result, other: result}
    with sqlite3.connect(tmp_path / "memo/memo-3.db") as connection:
        connection.execute("UPDATE results SET value = x'00'")
    connection.close()
    assert set(store.find([key, other])) == {other}
    store.close()
    (tmp_path / "memo/memo-4.db").write_bytes(b"no database" * 1000)
    store = _memostore.Store(str(tmp_path))
    assert store.find([other]) == {}
    assert store.take_turns([other], 1000, lambda r: True) == ({other}, set())
    store.commit(function, {other: result}, [])
    store.close()


def test_a_lease_holds_as_long_as_its_owner_lives_and_no_longer_than_it_says(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    store = _memostore.Store(str(tmp_path))
    key = b"\x10" + bytes(31)

    def turn(minutes: int = 10) -> tuple[set[bytes], set[bytes]]:
        return store.take_turns([key], minutes * 60_000, lambda r: True)

    assert turn() == ({key}, set())
    connection = sqlite3.connect(tmp_path / "memo/memo-1.db", isolation_level=None)
    namespace, pid, start = store.owner.split("/")
    connection.execute("UPDATE leases SET owner = ?", [f"{namespace}1/{pid}/{start}"])  # of another container
    assert turn() == (set(), {key})
    connection.execute("UPDATE leases SET owner = ?", [f"{namespace}/{pid}/1"])  # its process id came back
    assert turn() == ({key}, set())
    connection.execute("UPDATE leases SET owner = ?", [f"{namespace}1/{pid}/{start}"])
    connection.execute("UPDATE leases SET expires = 1")
    assert turn() == ({key}, set())
    connection.close()
    store.close()


def test_a_frame_over_a_memoised_function_is_left_to_spark(
    spark: Any, cache: DiskCache, service: Service, data: str
) -> None:
    df = spark.read.parquet(data).select(memoize(ask(service.url, "framed"))("s")).cache()
    assert df.count() == 300
    (found,) = cache.explain(df).relations
    assert found.status == "refused" and "memoised" in found.sentence
    assert len(service.asked()) == 300


def test_a_host_that_names_a_directory_of_its_own_keeps_its_results_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured, own = tmp_path / "configured", tmp_path / "own"
    configured.mkdir(mode=0o700)
    own.mkdir(mode=0o700)
    monkeypatch.setenv("SPARK_DISKCACHE_DIR", str(own))
    calls = in_this_process(lambda a: f"{a}!", configured)
    assert calls.answers([pa.array(["x"])]) == ["x!"]
    assert (own / "memo").is_dir() and not (configured / "memo").exists()


def test_a_process_asks_its_files_once_for_a_row_until_somebody_evicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[int] = []
    find = _memostore.Store.find

    def counted(store: _memostore.Store, keys: Any) -> Any:
        looked_up.append(len(list(keys)))
        return find(store, keys)

    monkeypatch.setattr(_memostore.Store, "find", counted)
    calls = in_this_process(lambda a, b: f"{a}-{b}", tmp_path)
    columns = [pa.array(["x", None, "x", "y"]), pa.array([1, 2, 1, 4])]
    expected = ["x-1", "None-2", "x-1", "y-4"]
    assert calls.answers(columns) == expected
    assert sum(looked_up) == 3  # the distinct rows
    del looked_up[:]
    assert calls.answers(columns) == expected and looked_up == []
    # A row with a new one among others: only that is looked up.
    mixed = [pa.array(["y", "z", "x"]), pa.array([4, 5, 1])]
    assert calls.answers(mixed) == ["y-4", "z-5", "x-1"] and sum(looked_up) == 1
    with sqlite3.connect(tmp_path / "memo" / "ledger.db") as ledger:
        assert ledger.execute("SELECT sum(calls), sum(hits) FROM ledger").fetchone() == (4, 1 + 4 + 2)
    del looked_up[:]
    with (tmp_path / "memo" / "evictions").open("ab") as evictions:
        evictions.write(b".")
    assert calls.answers(columns) == expected
    assert sum(looked_up) == 3


def test_what_is_equal_in_python_only_is_not_taken_for_the_same_row(tmp_path: Path) -> None:
    calls = in_this_process(repr, tmp_path)
    for column, expected in [
        (pa.array([0.0, -0.0]), ["0.0", "-0.0"]),
        (pa.array([1, 0]), ["1", "0"]),
        (pa.array([True, False]), ["True", "False"]),
        (pa.array([1.0, 0.0]), ["1.0", "0.0"]),
        (pa.array([1, None]), ["1", "None"]),
        (pa.array([b"1", b"x"]), ["b'1'", "b'x'"]),
        (pa.array(["1", "x"]), ["'1'", "'x'"]),
    ]:
        for _ in range(2):
            assert calls.answers([column]) == expected


def test_an_answer_in_memory_is_used_no_longer_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[Any] = []
    monkeypatch.setattr(_memo, "_record", called.append, raising=False)

    def function(k: Any) -> str:
        _memo._record(k)  # type: ignore[attr-defined]
        return f"{k}!"

    now = _memostore.now_millis()
    clock = [now]
    monkeypatch.setattr(_memobatch, "now_millis", lambda: clock[0])
    calls = in_this_process(function, tmp_path, ttl=10)
    column = [pa.array(["a", "b"])]
    for millis, expected in [(0, ["a", "b"]), (9_999, []), (10_000, ["a", "b"]), (19_999, [])]:
        clock[0] = now + millis
        assert calls.answers(column) == ["a!", "b!"]
        assert called == expected
        del called[:]


def test_the_memory_of_a_process_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_memofront, "_MAX_BYTES", 100_000)
    calls = in_this_process(str, tmp_path)
    for start in range(0, 3_000, 100):
        column = pa.array(range(start, start + 100))
        assert calls.answers([column]) == [str(i) for i in range(start, start + 100)]
        front = _memofront.front()
        assert front._bytes <= 100_000
        assert sum(map(len, front._known.values())) * _memofront._ANSWER_BYTES <= front._bytes


OBJECT = (
    "5344434d454d4f31000102030405060708090a0b0c0d0e0f1011121314151617"
    "18191a1b1c1d1e1f0000018bcfe568007fffffffffffffff00000000075bcd15"
    "3fd00000000000000000000264310000000361736b0000000132000000096d61"
    "70732c7061696400000007412e620a432e64000000074bc3b66c6e1f37000000"
    "0673000000014b8c2021b2"
)


def test_an_object_of_the_remote_tier_has_the_bytes_that_the_jvm_reads() -> None:
    """MemoObjectTest has the same."""
    key = bytes(range(32))
    function = _memostore.Function("d1", "ask", "2", "maps,paid", "A.b\nC.d")
    result = _memostore.Result(
        b"s\0\0\0\1K", 1_700_000_000_000, _memostore.NEVER, 123_456_789, 0.25, "K\u00f6ln\x1f7"
    )
    content = _memoremote.encode(key, function, result)
    assert content == bytes.fromhex(OBJECT)
    assert _memoremote.decode(key, content) == result
    assert _memoremote.decode(bytes(32), content) is None
    for length in range(len(content)):
        assert _memoremote.decode(key, content[:length]) is None
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        assert _memoremote.decode(key, bytes(flipped)) is None


def test_a_host_without_results_fetches_them_from_the_remote_tier(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(k: str) -> str:
        asked.append(k)
        return k.upper()

    remote = tmp_path / "remote"

    def host(name: str, *rows: str, **options: Any) -> tuple[list[str], int, int]:
        """The arguments that were asked for, and the calls and hits of the host's ledger."""
        (tmp_path / name).mkdir(exist_ok=True)
        calls = in_this_process(answer, tmp_path / name, **options)
        calls.remote_directory = remote.as_uri()
        calls.proof.function = answer  # not a copy: it counts
        _memofront.front().clear()
        del asked[:]
        assert calls.answers([pa.array(rows)]) == [row.upper() for row in rows]
        with sqlite3.connect(tmp_path / name / "memo" / "ledger.db") as ledger:
            counts = ledger.execute("SELECT sum(calls), sum(hits) FROM ledger").fetchone()
        return (sorted(asked), *counts)

    assert host("first", "a", "b", "a") == (["a", "b"], 2, 1)
    objects = sorted((remote / "v1" / "memo").glob("*/*.memo"))
    assert len(objects) == 2
    assert all(path.parent.stat().st_mode & 0o077 == 0 for path in objects)
    assert host("second", "b", "c", "a") == (["c"], 1, 2)
    assert len(list((remote / "v1" / "memo").glob("*/*.memo"))) == 3
    for path in objects:
        path.unlink()
    assert host("second", "b", "c", "a") == ([], 1, 5)  # it has kept what it fetched
    objects = sorted((remote / "v1" / "memo").glob("*/*.memo"))
    objects[0].write_bytes(objects[0].read_bytes()[:50])
    assert host("third", "c") == (["c"], 1, 0)
    assert host("fourth", "c") == ([], 0, 1)  # it was written anew
    assert host("fifth", "c", ttl=1e-3) == (["c"], 1, 0)  # too old for it


def test_a_remote_tier_that_cannot_be_used_costs_no_row(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.touch()
    (tmp_path / "host").mkdir()
    calls = in_this_process(str.upper, tmp_path / "host")
    for directory in (file.as_uri(), "nonsense://nowhere/at/all"):
        calls.remote_directory = directory
        caplog.clear()
        for k in ("a", "b", "c", "d", "e"):
            assert calls.answers([pa.array([k + directory])]) == [(k + directory).upper()]
        said = [r.getMessage() for r in caplog.records if "remote" in r.name]
        assert 1 <= len(said) <= 4 and all(directory in text for text in said)  # then it is left alone


PROCESS = """
import sys
import urllib.request
import pyarrow as pa
from pyspark.cloudpickle import cloudpickle
from pyspark.sql import types as t
from sparkdiskcache import _memo, _memocalls

directory, url, lease = sys.argv[1:]

def ask(k):
    return urllib.request.urlopen(url + k).read().decode()

options = _memo.memoize(ask, lease=float(lease))._options
calls = _memocalls.Calls(cloudpickle.dumps(ask), "digest", "", t.StringType(), options, directory)
print("asking", flush=True)
print(calls.answers([pa.array(["one"])]), flush=True)
"""


def process(directory: Path, service: Service, lease: int) -> subprocess.Popen[str]:
    started = subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(directory), service.url, str(lease)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None and started.stdout.readline() == "asking\n"
    return started


def answer(of: subprocess.Popen[str]) -> str:
    return of.communicate(timeout=100)[0]


def test_eight_processes_that_want_one_answer_one_request(tmp_path: Path, service: Service) -> None:
    tmp_path.chmod(0o700)
    service.gate.clear()
    processes = [process(tmp_path, service, 600) for _ in range(8)]
    service.gate.set()
    assert [answer(p) for p in processes] == ["['ONE']\n"] * 8
    assert service.asked() == ["one"]


@pytest.mark.parametrize(("dies", "lease"), [(False, 1), (True, 3600)])
def test_a_hung_owner_is_waited_for_until_its_lease_ends_a_dead_one_not_at_all(
    tmp_path: Path, service: Service, dies: bool, lease: int
) -> None:
    tmp_path.chmod(0o700)
    service.hang = 1
    owner = process(tmp_path, service, lease)
    try:
        asked: list[str] = []
        while not asked:
            asked = service.asked()
        if dies:
            owner.kill()
            owner.wait(100)
        assert answer(process(tmp_path, service, lease)) == "['ONE']\n"
        assert service.asked() == ["one"]
        assert (owner.poll() is not None) == dies
    finally:
        owner.kill()
        owner.communicate()

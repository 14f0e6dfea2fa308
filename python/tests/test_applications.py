# SPDX-License-Identifier: Apache-2.0
"""The next application finds the results of the one before, unless something that counts has changed."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyspark
import pytest
from conftest import Programs, warnings_of

PROGRAMS = Path(__file__).parent / "programs"
HELPER = "RATE = 7\n\n\ndef rate(x):\n    return x * RATE\n\n\ndef score(x):\n    return rate(x) + 1\n"


def edited(text: str, *edits: tuple[str, str]) -> str:
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    return text


def statuses(found: dict[str, Any]) -> dict[str, str]:
    return {name: f"{f['status']} {f['reason']}".strip() for name, f in found.items()}


def assert_hits(found: dict[str, Any], names: set[str]) -> None:
    for name in names:
        assert found[name]["status"] == "hit", (name, found[name]["reason"])
        assert found[name]["hits"] > 0 and found[name]["computed"] == 0, name


def assert_computed(found: dict[str, Any], names: set[str]) -> None:
    for name in names:
        assert found[name]["status"] == "miss", (name, found[name]["reason"])
        assert found[name]["hits"] == 0 and found[name]["computed"] > 0, name


def test_every_kind_of_function_hits_in_the_next_application_until_it_is_edited(
    programs: Programs, data: str
) -> None:
    source = (PROGRAMS / "everything.py").read_text()
    programs.write("helper.py", HELPER)
    programs.write("program.py", source)
    first = programs.run("program.py", data, PYTHONHASHSEED="1")
    names = set(first)
    assert_computed(first, names)
    assert [r[0] for r in first["calls_helper"]["rows"]] == [7 * i + 1 for i in range(300)]

    # Another hash seed, comments, blank lines: nothing that a row depends on, but
    # for the function that shows the order of a set.
    programs.write(
        "helper.py",
        "# about rates\n" + edited(HELPER, ("    return rate", "    # a score\n\n    return rate")),
    )
    programs.write(
        "program.py",
        "# a comment\n\n\n" + edited(source, ("    return x * 2\n", "    # twice\n    return x * 2\n")),
    )
    second = programs.run("program.py", data, PYTHONHASHSEED="2")
    assert_hits(second, names - {"shows_set"})
    assert_computed(second, {"shows_set"})
    for name in names - {"shows_set"}:
        assert second[name]["rows"] == first[name]["rows"], name
    assert second["shows_set"]["rows"] != first["shows_set"]["rows"], (
        "the seeds were to be chosen so that the order differs"
    )

    # Every edit below reaches some of the functions, and those only.
    programs.write("helper.py", edited(HELPER, ("x * RATE", "x * RATE + 1")))
    programs.write(
        "program.py",
        edited(
            source,
            ("    return x * 2\n", "    return x * 4\n"),
            ("OFFSET = 100", "OFFSET = 200"),
            ("BIG = list(range(400_000))", "BIG = [-5, *range(1, 400_000)]"),
            ("FACTOR = 3", "FACTOR = 5"),
            ('nlargest(1, "id")', 'nsmallest(1, "id")'),
            ("lambda x: x - 1", "lambda x: x - 2"),
            ("for digit in s:", "for digit in s[:1]:"),
        ),
    )
    third = programs.run("program.py", data, PYTHONHASHSEED="2")
    reached = {
        "plain", "captures", "calls_helper", "big", "vectorized", "mapInPandas", "applyInPandas", "sql", "udtf",
    }  # fmt: skip
    assert_computed(third, reached)
    assert_hits(third, names - reached)
    ids = range(300)
    expected = {
        "plain": [4 * i for i in ids],
        "captures": [i + 200 for i in ids],
        "calls_helper": [7 * i + 2 for i in ids],
        "big": [-5, *range(1, 300)],
        "vectorized": [5 * i for i in ids],
        "mapInPandas": [5 * i for i in ids],
        "sql": [i - 2 for i in ids],
    }
    for name, column in expected.items():
        assert [row[0] for row in third[name]["rows"]] == column, name
    assert third["applyInPandas"]["rows"] == [[k, k] for k in range(5)]
    assert third["udtf"]["rows"] == [[i, str(i)[0]] for i in ids]


UNCONFIGURED = """
import json, sys
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
import sparkdiskcache

result, conf, jar, data = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3], sys.argv[4]
builder = SparkSession.builder.master("local[1]")
for key, value in conf.items():
    builder = builder.config(key, value)
if jar:
    builder = builder.config("spark.jars", jar).config("spark.plugins", "io.sparkdiskcache.DiskCachePlugin")
spark = builder.getOrCreate()
df = spark.read.parquet(data).select(udf(lambda x: x + 1, "long")("id")).cache()
found = {}
try:
    (relation,) = sparkdiskcache.DiskCache(spark).explain(df).relations
    found["explain"] = [relation.status, relation.reason, relation.sentence]
except sparkdiskcache.DiskCacheError as e:
    found["error"] = str(e)
found["rows"] = sorted(row[0] for row in df.collect())
with open(result, "w") as out:
    json.dump(found, out)
"""


def test_a_session_that_was_not_configured_is_told_how(programs: Programs, data: str) -> None:
    from sparkdiskcache._install import jar_path

    programs.write("program.py", UNCONFIGURED)
    found = programs.run("program.py", str(jar_path()), data)
    assert found["explain"][:2] == ["refused", "FUNCTION"]
    assert "sparkdiskcache.configure(SparkSession.builder)" in found["explain"][2]
    assert found["rows"] == list(range(1, 301))


def test_without_the_jar_the_error_says_what_to_do(programs: Programs, data: str) -> None:
    programs.write("program.py", UNCONFIGURED)
    found = programs.run("program.py", "", data)
    assert found["error"].startswith(
        "Cannot find spark-diskcache's jar on the class path of this session: build the session"
    )
    assert "\n" not in found["error"]
    assert found["rows"] == list(range(1, 301))


CONNECT = """
import json, sys
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
import sparkdiskcache

result, remote, data = sys.argv[1], sys.argv[2], sys.argv[3]
found = {}
try:
    sparkdiskcache.configure(SparkSession.builder.remote(remote))
except sparkdiskcache.DiskCacheError as e:
    found["configure"] = str(e)
spark = SparkSession.builder.remote(remote).getOrCreate()
try:
    sparkdiskcache.DiskCache(spark)
except sparkdiskcache.DiskCacheError as e:
    found["error"] = str(e)
df = spark.read.parquet(data).groupBy("k").count().cache()
found["rows"] = sorted(tuple(row) for row in df.collect())
twice = spark.read.parquet(data).select(udf(lambda x: x * 2, "long")("id")).cache()
found["udf"] = sorted(row[0] for row in twice.collect())
found["stats"] = dict(tuple(row) for row in spark.sql("select * from diskcache_stats()").collect())
with open(result, "w") as out:
    json.dump(found, out)
spark.stop()
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def server(
    programs: Programs, started: str, main: str, conf: dict[str, str], *arguments: str
) -> Iterator[None]:
    """One of Spark's servers with the plugin, as its documentation starts one."""
    from sparkdiskcache._install import jar_path

    conf = {
        **programs.conf,
        "spark.master": "local[2]",
        "spark.plugins": "io.sparkdiskcache.DiskCachePlugin",
        "spark.jars": str(jar_path()),
        **conf,
    }
    submit = [str(Path(pyspark.__file__).parent / "bin" / "spark-submit")]
    for key, value in conf.items():
        submit += ["--conf", f"{key}={value}"]
    submit += ["--class", main, "spark-internal", *arguments]
    log = programs.directory / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(submit, cwd=programs.directory, stdout=out, stderr=subprocess.STDOUT)
    try:
        while started not in log.read_text():
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
        yield
    finally:
        process.terminate()
        process.wait()
    assert warnings_of(log.read_text()) == []


@contextmanager
def connect_server(programs: Programs) -> Iterator[str]:
    port = free_port()
    conf = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
    }
    main = "org.apache.spark.sql.connect.service.SparkConnectServer"
    with server(programs, "Spark Connect server started", main, conf):
        yield f"sc://127.0.0.1:{port}"


def test_through_connect_cache_is_enough(programs: Programs, data: str) -> None:
    programs.write("program.py", CONNECT)
    found = []
    for _ in range(2):
        with connect_server(programs) as remote:
            found.append(programs.client("program.py", remote, data))
    first, second = found
    assert first["rows"] == second["rows"] == [[k, 60] for k in range(5)]
    assert int(first["stats"]["hits"]) == 0 and int(first["stats"]["computed"]) > 0
    assert int(second["stats"]["hits"]) == int(first["stats"]["computed"])
    assert int(second["stats"]["computed"]) == 0
    assert int(second["stats"]["stagesSkipped"]) == 1
    # The function was pickled by a client that the server cannot ask.
    assert second["udf"] == [2 * i for i in range(300)]
    assert "FUNCTION=1" in second["stats"]["refused"]
    for error in (first["error"], first["configure"]):
        assert "Spark Connect" in error and "\n" not in error
        assert "spark.plugins=io.sparkdiskcache.DiskCachePlugin" in error


TWO_USERS = """
import json, sys
from pyspark.sql import SparkSession

result, remote, data, cache = sys.argv[1:]
ann, bob = (SparkSession.builder.remote(f"{remote}/;user_id={user}").create() for user in ("ann", "bob"))

def tried(action):
    try:
        return str(action())
    except Exception as e:
        return f"refused: {e}"

def entries(of):
    return of.sql("SELECT * FROM diskcache_entries()").count()

found = {}
df = ann.read.parquet(data).groupBy("k").count().cache()
found["rows"] = sorted(tuple(row) for row in df.collect())
found["ann"], found["bob"] = entries(ann), entries(bob)
found["ledger"] = bob.sql("SELECT * FROM diskcache_memo()").count()
evict = "SELECT * FROM diskcache_evict('name=*')"
found["bob evicts"] = bob.sql(evict).count()
ann.sql("EXPLAIN " + evict).collect()
ann.sql(evict).explain()
found["after bob"] = entries(ann)
bob.sql("SET spark.diskcache.sql.functions=all")
found["bob sets"] = entries(bob)
jdbc = bob.read.format("jdbc").option("url", f"jdbc:sqlite:{cache}/index.db").option("dbtable", "entries")
found["jdbc"] = tried(lambda: jdbc.load().count())
found["driver"] = tried(lambda: jdbc.option("driver", "org.sqlite.JDBC").load().count())
found["again"] = sorted(tuple(row) for row in bob.read.parquet(data).groupBy("k").count().collect())
found["ann evicts"] = ann.sql(evict).count()
found["left"] = entries(ann)
with open(result, "w") as out:
    json.dump(found, out)
for session in (ann, bob):
    session.stop()  # gRPC hangs where the interpreter ends with open channels
"""


def test_two_users_of_a_connect_server_neither_see_nor_remove_what_the_other_wrote(
    programs: Programs, data: str
) -> None:
    programs.write("users.py", TWO_USERS)
    with connect_server(programs) as remote:
        found = programs.client("users.py", remote, data, str(programs.cache))
    assert found["rows"] == found["again"] == [[k, 60] for k in range(5)]
    assert found["ann"] > 0
    assert found["bob"] == found["bob evicts"] == found["bob sets"] == found["ledger"] == 0
    assert found["after bob"] == found["ann"] == found["ann evicts"], "explaining removes nothing"
    assert found["left"] == 0
    assert found["jdbc"].startswith("refused") and found["driver"].startswith("refused")


class Beeline:
    """A user's connection to a Thrift server, in a process of its own."""

    def __init__(self, url: str, user: str, log: Path) -> None:
        command = [str(Path(pyspark.__file__).parent / "bin" / "beeline"), "-u", url, "-n", user]
        options = ["--silent=true", "--showHeader=false", "--outputformat=csv2"]
        with log.open("w") as out:
            self._process = subprocess.Popen(
                command + options, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, text=True
            )
        self._asked = 0
        self._log = log

    def ask(self, sql: str) -> list[str]:
        """The rows of numbers that a statement gives."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._asked += 1
        end = f"end-{self._asked}"
        self._process.stdin.write(f"{sql};\nSELECT concat('end-', {self._asked});\n")
        self._process.stdin.flush()
        rows = []
        for line in self._process.stdout:
            line = line.strip().removeprefix("null")  # in the place of a prompt
            if line == end:
                return rows
            if line.replace(",", "").isdigit():  # others are echoes of statements
                rows.append(line)
        raise AssertionError(f"{sql}: {self._log.read_text()}")

    def close(self) -> None:
        self._process.communicate("!quit\n", timeout=60)


def test_two_users_of_a_thrift_server_neither_see_nor_remove_what_the_other_wrote(
    programs: Programs, data: str
) -> None:
    port = free_port()
    place = [f"hive.server2.thrift.port={port}", "hive.server2.thrift.bind.host=127.0.0.1"]
    arguments = [text for setting in place for text in ("--hiveconf", setting)]
    main = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
    query = f"SELECT k, count(*) AS n FROM parquet.`{data}` GROUP BY k"
    entries = "SELECT count(*) FROM diskcache_entries()"
    evict = "SELECT count(*) FROM diskcache_evict('name=*')"
    with server(programs, "HiveThriftServer2 started", main, {}, *arguments), contextlib.ExitStack() as users:
        ann, bob = (
            Beeline(f"jdbc:hive2://127.0.0.1:{port}", user, programs.directory / f"{user}.log")
            for user in ("ann", "bob")
        )
        users.callback(ann.close)
        users.callback(bob.close)
        assert ann.ask(f"CACHE TABLE counts AS {query}") == []
        assert sorted(ann.ask("SELECT * FROM counts")) == [f"{k},60" for k in range(5)]
        (of_ann,) = ann.ask(entries)
        assert int(of_ann) > 0
        assert bob.ask(entries) == bob.ask(evict) == bob.ask("SELECT count(*) FROM diskcache_memo()") == ["0"]
        bob.ask("SET spark.diskcache.sql.functions=all")
        assert bob.ask(entries) == ["0"], "a session's setting changes nothing"
        assert sorted(bob.ask(query)) == [f"{k},60" for k in range(5)]
        assert bob.ask(entries) == ["0"], "who reads what another wrote does not own it"
        ann.ask(f"EXPLAIN {evict}")
        assert ann.ask(entries) == [of_ann], "explaining removes nothing"
        assert ann.ask(evict) == [of_ann]
        assert ann.ask(entries) == ["0"]


SESSION = """
import json, os, sys
import pyspark
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
import sparkdiskcache

result, conf, data = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
builder = SparkSession.builder.master("local[2]")
for key, value in conf.items():
    builder = builder.config(key, value)
spark = sparkdiskcache.configure(builder).getOrCreate()
cache = sparkdiskcache.DiskCache(spark)
"""
HANG = (
    SESSION
    + """
df = spark.read.parquet(data).cache()
df.count()
rows = df.select(udf(lambda x: x + 1, "long")("id"), udf(lambda s: s + "!", "string")("s"))
answer = sorted(tuple(row) for row in rows.collect())
plan = rows._jdf.queryExecution().executedPlan().toString()
with open(result, "w") as out:
    json.dump({"version": pyspark.__version__, "rows": answer, "plan": plan, "stats": cache.stats()["computed"]}, out)
spark.stop()
"""
)


@pytest.mark.parametrize(
    "run", ["PySpark 4.2.1", pytest.param("PySpark 4.2.0", marks=pytest.mark.pyspark420)]
)
def test_a_plain_function_over_a_cached_relation_ends(run: str, programs: Programs, data: str) -> None:
    programs.write("program.py", HANG)
    found = programs.run("program.py", data)
    assert found["version"] == run.split()[-1]
    assert found["rows"] == [[i + 1, f"{i}!"] for i in range(300)]
    assert found["stats"] > 0
    assert "ArrowEvalPython" in found["plan"] and "InMemoryTableScan" in found["plan"]


POINTS = """
from pyspark.sql.types import DoubleType, StructField, StructType, UserDefinedType


class PointType(UserDefinedType):
    @classmethod
    def sqlType(cls):
        return StructType([StructField("x", DoubleType()), StructField("y", DoubleType())])

    @classmethod
    def module(cls):
        return "points"

    def serialize(self, obj):
        return (obj.x, obj.y)

    def deserialize(self, datum):
        return Point(datum[0], datum[1])


class Point:
    __UDT__ = PointType()

    def __init__(self, x, y):
        self.x, self.y = x, y
"""
USER_TYPE = (
    SESSION
    + """
from points import Point, PointType

points = os.path.join(os.path.dirname(result), "points.parquet")
if not os.path.exists(points):
    spark.createDataFrame([(i, Point(i + 0.5, 0.0)) for i in range(20)], ["id", "point"]).write.parquet(points)
read = spark.read.parquet(points)
assert isinstance(read.schema["point"].dataType, PointType)

def left(point):
    return point.x

stored = read.filter("id < 10").cache()
called = read.select("id", udf(left, "double", useArrow=False)("point").alias("left")).cache()
found = {
    "stored": [[row.id, row.point.x] for row in stored.orderBy("id").collect()],
    "called": [list(row) for row in called.orderBy("id").collect()],
    "stats": cache.stats(),
    "explain": str(cache.explain(called)),
}
with open(result, "w") as out:
    json.dump(found, out)
spark.stop()
"""
)


def test_columns_of_user_types_are_kept_and_functions_of_them_are_not(programs: Programs, data: str) -> None:
    programs.write("points.py", POINTS)
    programs.write("program.py", USER_TYPE)
    for stats in ({"hits": 0, "computed": 1}, {"hits": 1, "computed": 0}):
        found = programs.run("program.py", data)
        assert found["stored"] == [[i, i + 0.5] for i in range(10)]
        assert found["called"] == [[i, i + 0.5] for i in range(20)]
        for name, count in stats.items():
            assert (int(found["stats"][name]) > 0) == (count > 0), found["stats"]
        assert found["stats"]["refused"] == {"DATA_TYPE": 1}
        assert found["stats"]["remote"]["hits"] == 0
        assert "point has a user-defined type" in found["explain"]


BUFFERS = (
    SESSION
    + """
from pyspark.sql.functions import pandas_udf


def nodes(plan):
    yield plan
    name = plan.getClass().getSimpleName()
    if name == "AdaptiveSparkPlanExec":
        yield from nodes(plan.executedPlan())
    elif name.endswith("QueryStageExec"):
        yield from nodes(plan.plan())
    else:
        children = plan.children()
        for i in range(children.size()):
            yield from nodes(children.apply(i))


def run(df):
    rows = sorted([list(row) for row in df.collect()], key=repr)
    plan = df._jdf.queryExecution().executedPlan()
    seen, counts = [], {"mappedColumns": 0, "widenedColumns": 0}
    for node in nodes(plan):
        seen.append(node.getClass().getSimpleName())
        if seen[-1] == "ArrowColumnsExec":
            for name in counts:
                counts[name] += node.metrics().apply(name).value()
    return {"rows": rows, "nodes": seen, **counts}


@pandas_udf("double")
def half(x):
    return x / 2


@pandas_udf("string")
def louder(s):
    return s + "!"


table = spark.read.parquet(data).selectExpr(
    "id * 10000000000 AS id", "s", "id / 3 AS third", "k",
    "if(k = 0, null, concat('word ', k)) AS word", "array(id, k) AS list",
    "date_add(DATE '2026-01-01', cast(id AS int)) AS day",
    "cast(id / 8 AS decimal(10, 3)) AS money", "timestamp_micros(id * 1000001) AS at",
)
queries = {
    "plain udf": lambda t: t.select(udf(lambda x: x + 1, "long")("id"), udf(lambda s: s + "!", "string")("s")),
    "pandas": lambda t: t.select("s", half("third"), louder("s")),
    "types": lambda t: t.select(
        udf(lambda *v: repr(v), "string")("id", "k", "word", "day", "money", "at").alias("all")),
    "nested": lambda t: t.select("k", udf(lambda l: sum(l), "long")("list")),
    "expression": lambda t: t.select(half(t.third + 1)),
    "filtered": lambda t: t.where("id >= 2000000000000").select("k", louder("s")),
    "chained": lambda t: t.select(louder(louder("s")), "word"),
    # Adaptive execution copies the nodes of a plan with an exchange.
    "grouped": lambda t: t.groupBy(louder("s").alias("l")).count(),
}
truth = {name: run(query(table)) for name, query in queries.items()}
kept = cache.persist(table, tag="buffers")
kept.count()
found = {name: run(query(kept)) for name, query in queries.items()}
spark.conf.set("spark.sql.execution.arrow.useLargeVarTypes", "true")
found["large"] = run(queries["pandas"](kept))
truth["large"] = truth["pandas"]
spark.conf.unset("spark.sql.execution.arrow.useLargeVarTypes")
called = kept.select("k", louder("s").alias("l")).cache()
again = [run(called)["rows"], run(kept.select("k", louder("s")))["rows"]]
with open(result, "w") as out:
    json.dump({
        "version": pyspark.__version__, "truth": truth, "found": found, "again": again,
        "stats": cache.stats(), "explain": str(cache.explain(called))}, out)
spark.stop()
"""
)


@pytest.mark.parametrize(
    "run", ["PySpark 4.2.1", pytest.param("PySpark 4.2.0", marks=pytest.mark.pyspark420)]
)
def test_functions_are_sent_the_buffers_of_a_kept_relation(run: str, programs: Programs, data: str) -> None:
    programs.write("program.py", BUFFERS)
    first = programs.run("program.py", data)
    assert first["version"] == run.split()[-1]
    found, truth = first["found"], first["truth"]
    for name, outcome in found.items():
        assert outcome["rows"] == truth[name]["rows"], name
        assert "InMemoryTableScanExec" in outcome["nodes"], name
        assert "InMemoryTableScanExec" not in truth[name]["nodes"], name
    assert first["again"][0] == first["again"][1]
    assert not first["explain"].startswith("refused"), first["explain"]
    views = {name for name, outcome in found.items() if "ArrowColumnsExec" in outcome["nodes"]}
    if run == "PySpark 4.2.0":
        assert views == set()  # the relation hands rows
        return
    # A filter makes rows, and so does an argument that has to be computed first.
    assert views == {"plain udf", "pandas", "types", "chained", "grouped"}
    for name in views:
        nodes = found[name]["nodes"]
        at = nodes.index("ArrowColumnsExec")
        assert nodes[at - 1] == "ArrowEvalPythonExec", name
        assert set(nodes[at + 1 :]) <= {"TableCacheQueryStageExec", "InMemoryTableScanExec"}, name
        assert found[name]["mappedColumns"] > 0, name
    assert found["types"]["widenedColumns"] > 0
    # The next application sends what the first one kept.
    second = programs.run("program.py", data)
    assert int(second["stats"]["hits"]) > 0
    assert int(second["stats"]["computed"]) == 0
    assert second["found"]["pandas"]["rows"] == truth["pandas"]["rows"]
    assert second["found"]["pandas"]["mappedColumns"] > 0

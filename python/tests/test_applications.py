# SPDX-License-Identifier: Apache-2.0
"""The next application finds the results of the one before, unless something that counts has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import Programs

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


def test_functions_and_lists_hit_in_the_next_application_until_they_are_edited(
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
            ('(3, "c")', '(3, "d")'),
        ),
    )
    third = programs.run("program.py", data, PYTHONHASHSEED="2")
    reached = {
        "plain", "captures", "calls_helper", "big", "vectorized", "mapInPandas", "applyInPandas", "sql", "udtf",
        "listed", "listed_called",
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
    assert third["listed"]["rows"] == [[1, "a"], [2, None], [3, "d"]]
    assert third["listed_called"]["rows"] == [[4 * i] for i in range(9)]


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


@pytest.mark.drawn(1)
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
again = sys.argv[4] == "again"
if again:
    queries = {"pandas": queries["pandas"]}
truth = {name: run(query(table)) for name, query in queries.items() if not again}
kept = cache.persist(table, tag="buffers")
kept.count()
found = {name: run(query(kept)) for name, query in queries.items()}
if not again:
    spark.conf.set("spark.sql.execution.arrow.useLargeVarTypes", "true")
    found["large"] = run(queries["pandas"](kept))
    truth["large"] = truth["pandas"]
    spark.conf.unset("spark.sql.execution.arrow.useLargeVarTypes")
called = kept.select("k", louder("s").alias("l")).cache()
twice = [run(called)["rows"], run(kept.select("k", louder("s")))["rows"]]
with open(result, "w") as out:
    json.dump({
        "version": pyspark.__version__, "truth": truth, "found": found, "again": twice,
        "stats": cache.stats(), "explain": str(cache.explain(called))}, out)
spark.stop()
"""
)


@pytest.mark.drawn(1)
@pytest.mark.parametrize(
    "run", ["PySpark 4.2.1", pytest.param("PySpark 4.2.0", marks=pytest.mark.pyspark420)]
)
def test_functions_are_sent_the_buffers_of_a_kept_relation(run: str, programs: Programs, data: str) -> None:
    programs.write("program.py", BUFFERS)
    first = programs.run("program.py", data, "first")
    assert first["version"] == run.split()[-1]
    found, truth = first["found"], first["truth"]
    for name, outcome in found.items():
        assert outcome["rows"] == truth[name]["rows"], name
        assert "InMemoryTableScanExec" in outcome["nodes"], name
        assert "InMemoryTableScanExec" not in truth[name]["nodes"], name
    assert (
        "ArrowEvalPythonExec" in found["plain udf"]["nodes"]
    )  # which never ends where nobody minds SPARK-58241
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
    second = programs.run("program.py", data, "again")
    assert int(second["stats"]["hits"]) > 0
    assert int(second["stats"]["computed"]) == 0
    assert second["found"]["pandas"]["rows"] == truth["pandas"]["rows"]
    assert second["found"]["pandas"]["mappedColumns"] > 0

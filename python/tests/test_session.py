# SPDX-License-Identifier: Apache-2.0
"""The things that can be told within one session."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from pyspark import StorageLevel
from pyspark.sql.functions import pandas_udf, udf, udtf

import sparkdiskcache
from sparkdiskcache import DiskCache, DiskCacheError, _line


def relation(cache: DiskCache, df: Any) -> sparkdiskcache.Relation:
    (found,) = cache.explain(df).relations
    return found


def column(df: Any) -> list[Any]:
    return sorted(row[0] for row in df.collect())


def test_a_captured_value_counts_as_it_was_when_the_function_was_pickled(
    cache: DiskCache, spark: Any, data: str
) -> None:
    scope: dict[str, Any] = {"__name__": "__main__", "step": 1}
    exec("def f(x):\n    return x + step", scope)
    rows = spark.read.parquet(data)
    function = udf(scope["f"], "long")
    one = rows.select(function("id")).cache()
    scope["step"] = 1000  # the bytes are made
    assert column(one) == list(range(1, 301))
    assert relation(cache, one).status == "hit"

    other = rows.select(udf(scope["f"], "long")("id")).cache()
    assert relation(cache, other).status == "miss"
    assert column(other) == list(range(1000, 1300))
    assert relation(cache, one).fingerprint != relation(cache, other).fingerprint


def test_the_clock_is_refused_by_name_and_the_rows_are_right(cache: DiskCache, spark: Any, data: str) -> None:
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec("import time\ndef f(x):\n    return x if time.time() > 0 else 0", scope)
    df = spark.read.parquet(data).select(udf(scope["f"], "long")("id")).cache()
    before = cache.stats()["refused"].get("FUNCTION", 0)
    found = relation(cache, df)
    assert (found.status, found.reason) == ("refused", "FUNCTION")
    assert "time.time" in found.sentence and "reads the clock" in found.sentence
    assert column(df) == list(range(300))
    assert cache.stats()["refused"]["FUNCTION"] == before + 1


def test_a_function_nobody_registered_is_refused(
    cache: DiskCache, spark: Any, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyspark.sql.udf as module

    monkeypatch.setattr(module, "_wrap_function", module._wrap_function._sparkdiskcache_original)  # type: ignore[attr-defined]
    found = relation(cache, spark.read.parquet(data).select(udf(lambda x: x + 1, "long")("id")))
    assert (found.status, found.reason) == ("refused", "FUNCTION")
    assert "build the session with sparkdiskcache.configure(SparkSession.builder)" in found.sentence


def test_another_object_for_the_same_bytes_is_not_trusted(cache: DiskCache, spark: Any, data: str) -> None:
    function = udf(lambda x: x + 1, "long")
    registered = spark.read.parquet(data).select(function("id"))
    assert relation(cache, registered).status == "miss"
    java = function._unwrapped._judf  # type: ignore[attr-defined]
    old = java.func()
    copy = spark._jvm.org.apache.spark.api.python.SimplePythonFunction(
        old.command(),
        old.envVars(),
        old.pythonIncludes(),
        old.pythonExec(),
        old.pythonVer(),
        old.broadcastVars(),
        old.accumulator(),
    )
    assert copy.equals(old)
    function._unwrapped._judf_placeholder = java.copy(
        java.name(), copy, java.dataType(), java.pythonEvalType(), True
    )  # type: ignore[attr-defined]
    assert relation(cache, spark.read.parquet(data).select(function("id"))).status == "refused"


def test_a_broadcast_counts_by_its_content(cache: DiskCache, spark: Any, data: str) -> None:
    def rows(number: int) -> Any:
        scope: dict[str, Any] = {
            "__name__": "__main__",
            "table": spark.sparkContext.broadcast([number] * 300),
        }
        exec("def f(x):\n    return table.value[x]", scope)
        return spark.read.parquet(data).select(udf(scope["f"], "long")("id")).cache()

    five = rows(5)
    assert relation(cache, five).status == "miss", relation(cache, five).sentence
    assert column(five) == [5] * 300
    assert relation(cache, rows(5)).status == "hit"
    six = rows(6)
    assert relation(cache, six).fingerprint != relation(cache, five).fingerprint
    assert column(six) == [6] * 300


def test_a_module_edited_between_definition_and_use_has_another_identity(
    cache: DiskCache, spark: Any, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shipped_module.py").write_text("def g(x):\n    return x + 1\n")
    spark.sparkContext.addPyFile(str(tmp_path / "shipped_module.py"))
    import shipped_module  # type: ignore[import-not-found]

    df = spark.read.parquet(data).select(udf(lambda x: shipped_module.g(x), "long")("id")).cache()
    assert relation(cache, df).status == "miss", relation(cache, df).sentence
    assert column(df) == list(range(1, 301))
    assert relation(cache, df).status == "hit"
    Path(shipped_module.__file__).write_text("def g(x):\n    return x + 2\n")
    again = spark.read.parquet(data).select(udf(lambda x: shipped_module.g(x) + 0, "long")("id"))
    assert relation(cache, again).status == "miss", relation(cache, again).sentence
    old = spark.read.parquet(data).select("id", udf(lambda x: x, "long")("id"))
    assert relation(cache, old).status == "miss"


def test_a_worker_of_spark_proves_what_the_driver_has_hashed(spark: Any, tmp_path: Path) -> None:
    from pyspark.cloudpickle import cloudpickle

    from sparkdiskcache import _hooks
    from sparkdiskcache.fnhash import hash_function

    (tmp_path / "proven_module.py").write_text("import json\nRATE = 3\ndef g(x):\n    return x * RATE\n")
    spark.sparkContext.addPyFile(str(tmp_path / "proven_module.py"))
    sources = [
        "def f(x): return x + 1",
        "import proven_module\ndef f(x): return proven_module.g(x)",
        "import pandas as pd, numpy as np\nT = pd.DataFrame({'a': [1, 2]})\ndef f(x): return T.a[0] + np.abs(x)",
        "import dataclasses, enum\n@dataclasses.dataclass\nclass P:\n    a: int = 1\np = P()\ndef f(x): return p.a",
        "from pyspark.sql import Row\ndef f(x): return Row(a=x).a",
    ]
    functions = []
    for source in sources:
        scope: dict[str, Any] = {"__name__": "__main__"}
        exec(source, scope)
        functions.append(scope["f"])
    sent = [cloudpickle.dumps(f) for f in functions]

    def prove(number: int) -> str:
        from pyspark.cloudpickle import cloudpickle

        from sparkdiskcache import _loaded
        from sparkdiskcache.fnhash import FunctionRefused, hash_loaded, state_digest

        _loaded.install()
        try:
            function = cloudpickle.loads(sent[number])
            before = state_digest(function)
            proof = hash_loaded(function)
            function(1)
            return proof if state_digest(function) == before else "changed"
        except FunctionRefused as e:
            return str(e)

    found = spark.sparkContext.parallelize(range(len(sources)), 2).map(prove).collect()
    environment = _hooks._environment_of(spark.sparkContext)
    assert found == [hash_function(f, environment).proof for f in functions]


def test_a_file_that_changes_after_registration_is_refused(
    cache: DiskCache, spark: Any, data: str, tmp_path: Path
) -> None:
    (tmp_path / "other_module.py").write_text("def g(x):\n    return x + 1\n")
    spark.sparkContext.addPyFile(str(tmp_path / "other_module.py"))
    import other_module  # type: ignore[import-not-found]

    df = spark.read.parquet(data).select(udf(lambda x: other_module.g(x), "long")("id"))
    assert relation(cache, df).status == "miss", relation(cache, df).sentence
    Path(other_module.__file__).write_text("def g(x):\n    return x + 2\n")
    found = relation(cache, df)
    assert (
        found.status == "refused" and other_module.__file__ in found.sentence and "restart" in found.sentence
    )


def test_a_module_that_workers_do_not_find_is_refused(
    cache: DiskCache, spark: Any, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "driver_only_module.py").write_text("def g(x):\n    return x + 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    import driver_only_module  # type: ignore[import-not-found]

    found = relation(cache, spark.read.parquet(data).select(udf(driver_only_module.g, "long")("id")))
    assert found.status == "refused" and "addPyFile" in found.sentence


def test_non_deterministic_functions_are_refused(cache: DiskCache, spark: Any, data: str) -> None:
    rows = spark.read.parquet(data)
    declared = udf(lambda x: x, "long").asNondeterministic()
    assert relation(cache, rows.select(declared("id"))).reason == "NON_DETERMINISTIC"

    @udtf(returnType="a long")
    class Undeclared:
        def eval(self, x: int) -> Any:
            yield (x,)

    spark.udtf.register("undeclared", Undeclared)
    rows.createOrReplaceTempView("t")
    found = relation(cache, spark.sql("select a from t, lateral undeclared(id)"))
    assert found.reason == "NON_DETERMINISTIC" and "asDeterministic()" in found.sentence


def test_a_barrier_is_refused(cache: DiskCache, spark: Any, data: str) -> None:
    df = spark.read.parquet(data).mapInPandas(
        lambda batches: batches, "id long, s string, k long, v double", barrier=True
    )
    assert "barrier" in relation(cache, df).sentence


def test_what_sees_a_batch_is_keyed_on_all_a_task_reads(cache: DiskCache, spark: Any, data: str) -> None:
    """Its rows depend on what is read together, so that chunks of other packings must not be mixed."""

    @pandas_udf("double")
    def less_mean(v):  # type: ignore[no-untyped-def]
        return v - v.mean()

    rows = spark.read.parquet(data)
    assert relation(cache, rows.select(udf(lambda x: x - 3, "long")("id"))).wanted == 3
    one = rows.coalesce(1).select(less_mean("v")).cache()
    assert column(one) == [i / 2 - 74.75 for i in range(300)]
    spark.conf.set("spark.sql.files.openCostInBytes", str(64 << 20))  # one file in each task
    try:
        apart = spark.read.parquet(data).select(less_mean("v")).cache()
        assert relation(cache, apart).found == 0
        assert column(apart) == sorted(i / 2 - 24.75 for i in range(100) for _ in range(3))
    finally:
        spark.conf.unset("spark.sql.files.openCostInBytes")
    together = spark.read.parquet(data).select(less_mean("v"))
    packed = relation(cache, together)
    assert packed.wanted == spark.read.parquet(data).rdd.getNumPartitions()


def test_column_names_count_where_the_function_sees_them(cache: DiskCache, spark: Any, data: str) -> None:
    def names(batches):  # type: ignore[no-untyped-def]
        for batch in batches:
            yield batch.assign(n=",".join(batch.columns))[["n"]]

    rows = spark.read.parquet(data)
    a = rows.select(rows.id.alias("a")).mapInPandas(names, "n string").cache()
    assert set(column(a)) == {"a"}
    a.unpersist()  # Spark's own cache takes the two for the same
    b = rows.select(rows.id.alias("b")).mapInPandas(names, "n string").cache()
    assert relation(cache, b).status == "miss"
    assert set(column(b)) == {"b"}


def test_persist_entries_stats_evict_and_clear(cache: DiskCache, spark: Any, data: str) -> None:
    df = cache.persist(
        spark.read.parquet(data).where("id > 7"), tag="nightly", storage_level=StorageLevel.DISK_ONLY
    )
    assert df.is_cached and df.storageLevel == StorageLevel.DISK_ONLY
    assert df.count() == 292
    entries = cache.entries()
    mine = entries[entries.tag == "nightly"]
    assert (
        mine["rows"].sum() == 292
        and (mine["bytes"] > 0).all()
        and str(mine.created.dtype).startswith("datetime64")
    )
    assert cache.stats()["store"]["entries"] == len(entries)
    assert cache.evict("tag=nightly") == mine["bytes"].sum()
    assert (cache.entries().tag != "nightly").all()
    cache.persist(spark.read.parquet(data).where("id > 8")).count()
    assert cache.clear() > 0
    assert cache.entries().empty and list(cache.entries().columns) == list(entries.columns)


def test_wrong_options_are_named(cache: DiskCache, spark: Any, data: str) -> None:
    with pytest.raises(TypeError, match="Cannot persist with colour: the options are .*storage_level, tag"):
        cache.persist(spark.read.parquet(data), colour="red")
    with pytest.raises(ValueError, match="Cannot use a time to live of PT-1S"):
        cache.persist(spark.read.parquet(data), ttl=-1)
    with pytest.raises(ValueError, match="a bound is 0 or more"):
        cache.persist(spark.read.parquet(data), precision={"v": "float16"}, max_absolute_error=-1)
    with pytest.raises(ValueError, match="colour"):
        cache.evict("colour=red")


def test_explain_reads_as_text(cache: DiskCache, spark: Any, data: str) -> None:
    text = str(cache.explain(spark.read.parquet(data).where("id > 9")))
    assert text.startswith("miss\n") and "not cached" in text


@pytest.mark.parametrize("version", ["4.2", "4.2.0", "4.2.1", "4.2.10", "4.2.2.dev0", "4.2.1-vendor"])
def test_any_version_of_the_line_is_supported(version: str) -> None:
    assert _line.supported(version)


@pytest.mark.parametrize("version", ["3.5.7", "4.4.0", "4.20.0", "14.2.0", "4.2a", "", "5"])
def test_another_line_is_not(version: str) -> None:
    assert not _line.supported(version)


def test_the_lines_are_those_of_the_jars(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert _line.built_for() == tuple(_line.jars())
    monkeypatch.setattr(_line, "__file__", str(tmp_path / "_line.py"))
    assert _line.built_for() == _line.LINES
    (tmp_path / "jars").mkdir()
    for line in ("4.3", "4.1", "3.5"):
        (tmp_path / "jars" / f"spark-diskcache-{line}_2.13-0.1.0.jar").touch()
    assert _line.built_for() == ("4.1", "4.3")
    assert _line.supported("4.1.3") and not _line.supported("4.2.1") and not _line.supported("3.5.7")
    assert _line.sentence().startswith("built for Spark 4.1 and 4.3, found ")


def test_a_missing_jar_is_named(tmp_path: Path) -> None:
    from pyspark.sql import SparkSession

    with pytest.raises(DiskCacheError, match=f"^Cannot find the jar {tmp_path}/none.jar: "):
        sparkdiskcache.configure(SparkSession.builder, jar=tmp_path / "none.jar")


def test_without_the_plugin_on_a_cluster_the_error_says_what_to_do(
    spark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Conf:
        def get(self, key: str, default: str = "") -> str:
            return {"spark.master": "spark://host:7077"}.get(key, default)

    monkeypatch.setattr(spark.sparkContext, "getConf", Conf)
    with pytest.raises(
        DiskCacheError,
        match="^Cannot use the cache: spark.plugins does not name io.sparkdiskcache.DiskCachePlugin; ",
    ):
        DiskCache(spark)


def test_the_wheel_holds_jar_and_types() -> None:
    package = Path(sys.modules["sparkdiskcache"].__file__ or "").parent
    assert (package / "py.typed").is_file()
    assert len(list((package / "jars").glob("spark-diskcache-*.jar"))) == 1

# SPDX-License-Identifier: Apache-2.0
"""Through a Connect or Thrift server that many users share."""

from __future__ import annotations

import contextlib

import pytest
from conftest import Programs
from servers import Beeline, connect_server, free_port, server

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


@pytest.mark.drawn(2)
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


@pytest.mark.drawn(2)
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


@pytest.mark.drawn(2)
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

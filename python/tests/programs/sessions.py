# SPDX-License-Identifier: Apache-2.0
"""Code, libraries and data that change while a session has them: rows, and how they were found."""

import importlib
import json
import os
import subprocess
import sys

result, conf, data, step, tests = sys.argv[1], json.loads(sys.argv[2]), *sys.argv[3:6]
here = os.getcwd()
sys.path[:0] = [here, tests]
import acme_library  # noqa: E402
import auto  # noqa: E402
import edited  # noqa: E402
import flipped  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402
from pyspark.sql.functions import udf  # noqa: E402
from workers import end_workers  # noqa: E402

import sparkdiskcache  # noqa: E402

builder = SparkSession.builder.master("local[2]")
for key, value in conf.items():
    builder = builder.config(key, value)
spark = sparkdiskcache.configure(builder).getOrCreate()
cache = sparkdiskcache.DiskCache(spark)
spark.sparkContext.addPyFile(os.path.join(here, "first" if step == "edit" else "shipped", "added.py"))
import added  # noqa: E402


def functions():
    @udf("long")
    def of_edited(x):
        return edited.rate(x)

    @udf("long")
    def of_auto(x):
        return auto.rate(x)

    @udf("long")
    def of_library(x):
        return acme_library.rate(x)

    @udf("long")
    def of_package(x):
        return flipped.rate(x)

    @udf("long")
    def of_data(x):
        with open("weights/factor.txt") as file:
            return x * int(file.read())

    @udf("long")
    def of_added(x):
        return added.rate(x)

    return [of_edited, of_auto, of_library, of_package, of_data, of_added]


def run():
    found = {}
    for function in functions():
        name = function.__name__
        query = spark.read.parquet(data).select("id", function("id").alias("v")).cache()
        (relation,) = cache.explain(query).relations
        before = cache.stats()
        rows = [tuple(row) for row in sorted(query.collect())]
        after = cache.stats()
        query.unpersist()
        found[name] = {
            "status": relation.status,
            "reason": relation.sentence,
            "hits": after["hits"] - before["hits"],
            "computed": after["computed"] - before["computed"],
            "rows": rows,
        }
    return found


def flip(link, to):
    os.symlink(to, link + ".new")
    os.replace(link + ".new", link)


found = {"before": run()}
if step == "edit":
    from IPython.core.interactiveshell import InteractiveShell

    with open("edited.py", "w") as file:
        file.write("def rate(x):\n    return x * 3\n")
    importlib.invalidate_caches()
    importlib.reload(edited)
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "autoreload")
    shell.run_line_magic("autoreload", "2")
    shell.run_cell("import auto")
    with open("auto.py", "w") as file:
        file.write("def rate(x):\n    return x * 3 + 0\n")
    shell.run_cell("print(auto.rate(1))")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", "libraries"]
    subprocess.run([*pip, "--upgrade", "second/acme_library-1.0-py3-none-any.whl"], check=True)
    flip("flipped", "flipped_2")
    flip("weights", "weights_2")
    spark.sparkContext.addPyFile(os.path.join(here, "shipped", "added.py"))
    for module in (acme_library, flipped, added):
        importlib.reload(module)
    found["after"] = run()
    end_workers()
    found["renewed"] = run()
with open(result, "w") as file:
    json.dump(found, file)
spark.stop()

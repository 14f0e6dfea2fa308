# SPDX-License-Identifier: Apache-2.0
"""The magics, in an IPython shell over the tests' session."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from sparkdiskcache import DiskCache, DiskCacheError, _notebook


@pytest.fixture
def shell(cache: DiskCache, spark: Any, data: str) -> Iterator[InteractiveShell]:
    shell = InteractiveShell.instance()
    shell.reset(new_session=False)
    shell.user_ns.update(spark=spark, data=data)
    shell.run_line_magic("load_ext", "sparkdiskcache")
    yield shell
    InteractiveShell.clear_instance()


class Checked(HTMLParser):
    """Collects text, and refuses what a reader without scripts, colours or eyes could not use."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.captions = self.headings = 0
        self.feed(html)
        assert self.captions > 0 and self.headings > 0, "tables have captions and headings"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert tag != "script"
        assert not re.search(r"(#[0-9a-f]{3,6}|rgb|white|black)", given.get("style") or "")
        self.captions += tag == "caption"
        self.headings += tag == "th" and given.get("scope") in ("row", "col")

    def handle_data(self, text: str) -> None:
        self.words.append(text)

    @property
    def text(self) -> str:
        return "\n".join(self.words)


def test_a_cell_is_cached_shown_and_found_again(shell: InteractiveShell) -> None:
    cell = (
        "# about fives\n"
        "five = 5\n\n"
        "@udf('long')\n"
        "def times(x):\n    return x * five\n\n"
        "spark.read.parquet(data).where('id < 12').select(times('id').alias('<n>'))\n"
    )
    shell.ex("from pyspark.sql.functions import udf")
    first = shell.run_cell_magic("cached", "fives tag=cells", cell)
    assert "computed and stored" in repr(first) and "it was a miss" in repr(first)
    assert shell.user_ns["fives"].count() == 12 and shell.user_ns["five"] == 5
    page = Checked(first._repr_html_())
    assert "<n>" in page.text and "first 10 rows" in page.text
    shell.user_ns["fives"].unpersist()

    again = shell.run_cell_magic("cached", "", "\n\n# moved\n" + cell)
    assert "read from the cache" in repr(again)
    assert again.rows == first.rows

    other = shell.run_cell_magic("cached", "", cell.replace("five = 5", "five = 6"))
    assert "it was a miss: " in repr(other), "says what is different"
    assert other.rows != first.rows


def test_long_values_are_shown_in_part(shell: InteractiveShell) -> None:
    cell = "spark.read.parquet(data).where('id = 1').selectExpr('sequence(0, 99) AS many', 'repeat(s, 80) AS eighty')\n"
    result = shell.run_cell_magic("cached", "long", cell)
    for text in (repr(result), Checked(result._repr_html_()).text):
        assert str(list(range(100)))[:77] + "..." in text and "26, 27" not in text
        assert "1" * 80 in text
    assert result.rows[0].many == list(range(100)), "only shown"


def test_a_precision_is_part_of_what_is_found(shell: InteractiveShell, cache: DiskCache) -> None:
    cell = "spark.read.parquet(data).where('id < 30').selectExpr('id', 'v / 7 AS x', 'v / 7 AS y')\n"
    first = shell.run_cell_magic("cached", "short precision=x=float16 max_absolute_error=0.01", cell)
    assert "computed and stored" in repr(first)
    rows = {row.id: row for row in shell.user_ns["short"].collect()}
    for i, row in rows.items():
        assert row.x == float(np.float16(i / 14)) and row.y == i / 14
    assert rows[1].x != rows[1].y
    (relation,) = cache.explain(shell.user_ns["short"]).relations
    (column,) = relation.precision
    assert column.startswith("x float16, worst error")
    shell.user_ns["short"].unpersist()
    again = shell.run_cell_magic("cached", "short precision=x=float16 max_absolute_error=0.01", cell)
    assert "read from the cache" in repr(again) and again.rows == first.rows
    shell.user_ns["short"].unpersist()
    exact = shell.run_cell_magic("cached", "short", cell)
    assert "it was a miss: " in repr(exact) and exact.rows != first.rows
    # Of all columns, and with bounds that no half can keep: wider, where it must be.
    shell.user_ns["short"].unpersist()
    all_columns = "short precision=float16 max_absolute_error=1e-7"
    assert "computed and stored" in repr(shell.run_cell_magic("cached", all_columns, cell))
    assert all(abs(row.x - row.id / 14) < 1e-7 for row in shell.user_ns["short"].collect())


def test_what_is_older_than_its_time_to_live_is_computed_anew(
    shell: InteractiveShell, cache: DiskCache
) -> None:
    cell = "spark.read.parquet(data).where('id < 11').groupBy('k').count()\n"
    stored = "tag == 'aging'"

    def run(options: str) -> str:
        return repr(shell.run_cell_magic("cached", f"aged tag=aging {options}", cell))

    assert "computed and stored" in run("ttl=1h")
    keys = set(cache.entries().query(stored).key)
    assert "read from the cache" in run("ttl=1h"), "what this kernel holds is young"
    shell.user_ns["aged"].unpersist()
    assert "read from the cache" in run("ttl=1h"), "what is stored is young"
    shell.user_ns["aged"].unpersist()
    assert re.search("it was a miss: .* older than the time to live", run("ttl=1ms"))
    newer = set(cache.entries().query(stored).key)
    assert len(newer) == len(keys) and not newer & keys, "in the place of the old ones"
    assert "computed and stored" in run("ttl=1ms"), "what this kernel holds is old by now"
    assert "read from the cache" in run(""), "whoever sets no limit takes what there is"


def test_reports_read_as_text_and_as_html(shell: InteractiveShell, cache: DiskCache) -> None:
    shell.run_cell_magic("cached", "few", "spark.read.parquet(data).where('id < 3')")
    line = repr(shell.run_line_magic("diskcache", ""))
    assert re.fullmatch(
        r"spark-diskcache: [\d,]+ of [\d,]+ partitions found, [\d,]+ exchanges not executed,"
        r" .+ of task time saved; .+ in [\d,]+ entries",
        line,
    )
    explained = shell.run_line_magic("diskcache", "explain few")
    assert str(explained).startswith("hit")
    assert "hit: all of it is stored" in Checked(explained._repr_html_()).text
    refused = cache.explain(shell.user_ns["spark"].range(3).selectExpr("rand() as r"))
    assert "NON_DETERMINISTIC" in Checked(refused._repr_html_()).text
    stats = shell.run_line_magic("diskcache", "stats")
    assert stats["hits"] + stats["computed"] > 0
    assert "partitions computed" in Checked(stats._repr_html_()).text
    assert len(shell.run_line_magic("diskcache", "entries")) == stats["store"]["entries"]


def test_a_bar_follows_the_tasks_while_filling(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[int, int | None]] = []
    bars: list[Any] = []

    class Recording(_notebook.tqdm):  # type: ignore[type-arg, misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            bars.append(self)

        def refresh(self, *arguments: Any, **options: Any) -> bool:
            seen.append((self.n, self.total))
            return bool(super().refresh(*arguments, **options))

    monkeypatch.setattr(_notebook, "tqdm", Recording)
    # Four tasks, each longer than the one before by several looks.
    shell.run_cell_magic(
        "cached",
        "",
        "from pyspark.sql.functions import udf\n"
        "@udf('long')\n"
        "def slow(x):\n    return sum(range(20_000_000 * x)) * 0 + x\n\n"
        "spark.range(0, 4, 1, 4).select(slow('id'))\n",
    )
    assert any(0 < completed < 4 and total == 4 for completed, total in seen), seen
    completed = [n for n, _ in seen]
    assert completed == sorted(completed), seen
    (bar,) = bars
    assert bar.disable, "closed"
    assert "filling" in capsys.readouterr().err
    assert not [t for t in threading.enumerate() if t.name == "diskcache-progress"]


def test_wrong_use_is_one_line_that_says_what_to_do(shell: InteractiveShell) -> None:
    for run, words in (
        (lambda: shell.run_line_magic("diskcache", "stat"), "%diskcache stats"),
        (lambda: shell.run_line_magic("diskcache", "explain data"), "it is a str and no DataFrame"),
        (lambda: shell.run_line_magic("diskcache", "evict colour=red"), "colour"),
        (lambda: shell.run_cell_magic("cached", "", "x = 1"), "end it with the DataFrame"),
        (lambda: shell.run_cell_magic("cached", "1x", "spark.range(1)"), "neither a name"),
        (lambda: shell.run_cell_magic("cached", "a b", "spark.range(1)"), "neither a name"),
        (lambda: shell.run_cell_magic("cached", "colour=red", "spark.range(1)"), "the options are"),
        (lambda: shell.run_cell_magic("cached", "ttl=soon", "spark.range(1)"), "such as 7d"),
        (lambda: shell.run_cell_magic("cached", "ttl=-1h", "spark.range(1)"), "such as 7d"),
        (lambda: shell.run_cell_magic("cached", "precision=half", "spark.range(1)"), "float16"),
        (lambda: shell.run_cell_magic("cached", "max_relative_error=few", "spark.range(1)"), "few"),
        (lambda: shell.run_cell_magic("cached", "max_relative_error=0.1", "spark.range(1)"), "precision"),
    ):
        with pytest.raises(UsageError) as error:
            run()
        assert words in str(error.value) and "\n" not in str(error.value)


def test_without_a_session_the_cure_is_said(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspark.sql import SparkSession

    monkeypatch.setattr(SparkSession, "getActiveSession", classmethod(lambda cls: None))
    with pytest.raises(DiskCacheError, match="sparkdiskcache.configure"):
        shell.run_line_magic("diskcache", "")

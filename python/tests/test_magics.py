# SPDX-License-Identifier: Apache-2.0
"""The magics, in an IPython shell over the tests' session."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from sparkdiskcache import DiskCache, DiskCacheError


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


def test_wrong_use_is_one_line_that_says_what_to_do(shell: InteractiveShell) -> None:
    for run, words in (
        (lambda: shell.run_line_magic("diskcache", "stat"), "%diskcache stats"),
        (lambda: shell.run_line_magic("diskcache", "explain data"), "it is a str and no DataFrame"),
        (lambda: shell.run_line_magic("diskcache", "evict colour=red"), "colour"),
        (lambda: shell.run_cell_magic("cached", "", "x = 1"), "end it with the DataFrame"),
        (lambda: shell.run_cell_magic("cached", "1x", "spark.range(1)"), "neither a name"),
        (lambda: shell.run_cell_magic("cached", "a b", "spark.range(1)"), "neither a name"),
    ):
        with pytest.raises(UsageError) as error:
            run()
        assert words in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(TypeError, match="the options are"):
        shell.run_cell_magic("cached", "colour=red", "spark.range(1)")


def test_without_a_session_the_cure_is_said(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark.sql import SparkSession

    monkeypatch.setattr(SparkSession, "getActiveSession", classmethod(lambda cls: None))
    with pytest.raises(DiskCacheError, match="sparkdiskcache.configure"):
        shell.run_line_magic("diskcache", "")

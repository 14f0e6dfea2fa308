# SPDX-License-Identifier: Apache-2.0
"""Reports as HTML: tables with captions and row headings, no scripts, colours only of the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._report import Explanation, Relation

# Borders have the text's colour, so that they are seen on a dark page as well.
_TABLE = '<table style="border-collapse: collapse; margin: 0.5em 0; text-align: left">'
_CELL = 'style="text-align: left; padding: 0.15em 0.8em 0.15em 0; border-bottom: 1px solid"'
_CAPTION = 'style="caption-side: top; text-align: left; font-weight: bold; color: inherit"'


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def duration(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def table(caption: str, rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and values; both are escaped."""
    body = "".join(
        f'<tr><th scope="row" {_CELL}>{escape(name)}</th><td {_CELL}>{escape(value)}</td></tr>'
        for name, value in rows
    )
    return f"{_TABLE}<caption {_CAPTION}>{escape(caption)}</caption><tbody>{body}</tbody></table>"


def rows(caption: str, columns: Sequence[str], values: Iterable[Iterable[Any]]) -> str:
    """A table of rows under column headings; all of it is escaped."""
    head = "".join(f'<th scope="col" {_CELL}>{escape(column)}</th>' for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td {_CELL}>{escape(str(value))}</td>" for value in row) + "</tr>"
        for row in values
    )
    return (
        f"{_TABLE}<caption {_CAPTION}>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def explanation(report: Explanation) -> str:
    return "".join(_relation(r) for r in report.relations)


def _relation(r: Relation) -> str:
    rows = [("relation", r.name)]
    if not r.cached:
        rows.append(("not cached", "call cache() or persist(); this is what it would find"))
    if r.reason:
        rows += [("reason", f"{r.reason}: {r.sentence}"), ("place", r.place), ("what to do", r.cure)]
    rows += [("precision", column) for column in r.precision]
    rows += [("difference", difference) for difference in r.differences]
    rows += [("read", read) for read in r.reads]
    rows += [("outcome", r.outcome)]
    rows += [("not kept", objection) for objection in r.withheld]
    if r.found:
        rows += [("size", size(r.bytes)), ("saves", f"{duration(r.seconds)} of task time")]
    rows += [("fingerprint", r.fingerprint), ("where", r.directory)]
    return table(headline(r), [(name, value) for name, value in rows if value])


def headline(r: Relation) -> str:
    """The status in words."""
    return {
        "hit": "hit: all of it is stored",
        "partial": f"partial: {r.found} of {r.wanted} are stored",
        "miss": "miss: nothing of it is stored",
        "refused": "refused: left to Spark's own cache",
    }[r.status]


def stats(values: Mapping[str, Any]) -> str:
    if not values:
        return table("spark-diskcache in this application", [])
    store: Mapping[str, Any] = values["store"]
    rows = [
        ("partitions found", f"{values['hits']:,}"),
        ("partitions computed", f"{values['computed']:,}"),
        ("exchanges not executed", f"{values['stages_skipped']:,}"),
        ("task time saved", duration(values["saved_millis"] / 1000)),
        ("kept for this application only", f"{values['private_relations']:,}"),
    ]
    rows += [(f"refused: {code}", f"{count:,}") for code, count in sorted(values["refused"].items())]
    if values["audits"]:
        rows.append(("audited", f"{values['audits']:,}, of which {values['audit_mismatches']:,} were wrong"))
    memo = values.get("memo", {})
    if memo.get("calls") or memo.get("hits"):
        saved = duration(memo["saved_millis"] / 1000)
        said = f"{memo['calls']:,} calls, {memo['hits']:,} rows without one, {saved} saved"
        rows.append(("memoised functions", said))
    rows.append(("stored by all applications", f"{store['entries']:,} entries, {size(store['bytes'])}"))
    return table("spark-diskcache in this application", rows)

# SPDX-License-Identifier: Apache-2.0
"""Pages of docs/design name what is there: classes, packages and modules, tables and their columns."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from sparkdiskcache import _memofile

ROOT = Path(__file__).parents[2]
DESIGN = ROOT / "docs/design"
STORE = ROOT / "spark-diskcache/src/main/java/io/sparkdiskcache/store"
OF_SPARK = {"InMemoryRelation"}


def test_names_on_the_architecture_page_are_those_of_the_sources() -> None:
    page = (DESIGN / "architecture.md").read_text()
    named = {
        text
        for text in re.findall(r"`([^`\n]+)`", page)
        if re.fullmatch(r"[A-Z]\w*[a-z]\w*|io\.sparkdiskcache[.a-z]*|_\w+\.py", text)
    }
    for drawing in re.findall(r"```mermaid\n(.*?)```", page, re.DOTALL):
        named |= set(re.findall(r"\b[A-Z][a-z]+(?:[A-Z]+[a-z]*)+\b", drawing))
    assert len(named) > 100 and "Materializer" in named
    known = set(OF_SPARK)
    for module in ("arrow-codec", "spark-diskcache"):
        for file in (ROOT / module).glob("src/*/java/**/*.java"):
            known |= {file.stem, ".".join(file.parent.parts[file.parts.index("java") + 1 :])}
    known |= {file.name for file in (ROOT / "python/src/sparkdiskcache").glob("*.py")}
    assert named - known == set()


def told(page: str) -> dict[str, list[tuple[str, str]]]:
    """Columns and types by table, by the headings and tables of a page."""
    tables: dict[str, list[tuple[str, str]]] = {}
    heading, columns = "", False
    for line in (DESIGN / page).read_text().splitlines():
        if line.startswith("#"):
            heading, columns = line.strip("#` "), False
        elif line.startswith("| column | type |"):
            columns = True
            tables[heading] = []
        elif columns and line.startswith("| `"):
            _, name, kind, *_ = line.split("|")
            tables[heading].append((name.strip(" `"), kind.strip()))
    return tables


def made(statements: list[str]) -> dict[str, list[tuple[str, str]]]:
    """The same of a database."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements:
            connection.execute(statement)
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            name: [(column, kind) for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({name})")]
            for (name,) in names
        }


def test_the_index_has_the_columns_of_its_page() -> None:
    source = (STORE / "IndexSchema.java").read_text()
    blocks = re.findall(r'"""\n(.*?)"""', source, re.DOTALL)
    tables = [block for block in blocks if block.lstrip().startswith("CREATE TABLE")]
    assert len(tables) > 5
    assert told("format-index.md") == made(tables)
    (version,) = re.findall(r" int FORMAT = (\d+);", (STORE / "CacheDirectory.java").read_text())
    page = (DESIGN / "format-index.md").read_text()
    assert f"`CacheDirectory.FORMAT`, {version}\n" in page.replace(" |\n", "\n")
    assert f"`spark-diskcache {version}`" in page


def test_memo_files_of_both_languages_have_the_columns_of_their_page() -> None:
    source = re.sub(r'"\s*\+\s*"', "", (STORE / "MemoSchema.java").read_text())
    of_java = re.findall(r'"(CREATE TABLE [^"]+)"', source)
    of_python = [*_memofile.SHARD, *_memofile.LEDGER]
    assert of_java == of_python
    assert told("format-memo.md") == made(of_java)
    assert (
        f"| version | `user_version` of each database: {_memofile.FORMAT} ("
        in (DESIGN / "format-memo.md").read_text()
    )


def test_the_table_of_lines_is_the_builds() -> None:
    pom = (ROOT / "pom.xml").read_text()
    default = pom[: pom.index("<profiles>")]

    def version(text: str, name: str) -> str:
        found = re.search(rf"<{name}>(.*?)</{name}>", text) or re.search(rf"<{name}>(.*?)</{name}>", default)
        assert found
        return found[1].removesuffix("-pyspark")

    delta = (ROOT / "spark-diskcache/pom.xml").read_text()
    tested = dict(line.split() for line in (ROOT / "python/lines.txt").read_text().splitlines())
    wanted = []
    for line, profile in re.findall(r"<id>spark-([\d.]+)</id>(.*?)</profile>", pom, re.DOTALL):
        (dependencies,) = re.findall(rf"<id>spark-{line}</id>(.*?)</profile>", delta, re.DOTALL)
        of_delta = version("", "delta.version") if "delta-spark" in dependencies else "none"
        cells = [
            line,
            version(profile, "spark.version"),
            version(profile, "scala.version"),
            tested[line],
            of_delta,
        ]
        wanted.append("| " + " | ".join(cells) + " |")
    page = (ROOT / "docs/compatibility.md").read_text()
    assert re.findall(r"^\| \d.*\|$", page, re.MULTILINE) == wanted

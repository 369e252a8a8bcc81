"""The pages of a bag that a person reads first: `README.md`, `index.html`, and `open.sql` for DuckDB.

They need no network and no program of ours. Everything that a user chose is escaped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class TableLine:
    """One exported table: its rows, and what it holds in a sentence."""

    name: str
    rows: int
    meaning: str
    columns: tuple[str, ...]


class FilesLine(NamedTuple):
    """How many files the folders of these tables hold together, and their bytes."""

    tables: tuple[str, ...]
    files: int
    size: int


class ContainerLine(NamedTuple):
    """One container of a tree, as the table of containers has it; `folder` lies below `data/`."""

    container_id: str
    parent_id: str | None
    kind: str
    name: str
    arm_path: str
    folder: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What stands at the head of the pages. `snapshot` is an ISO 8601 time; of an increment `since` is its base's.
    `containers`: of a tree, the root first; then each has tables, documents and files in a folder of its own."""

    title: str
    scope: str
    snapshot: str
    version: str
    tables: Sequence[TableLine]
    files: Sequence[FilesLine]
    containers: Sequence[ContainerLine] = ()
    since: str = ""

    @property
    def held(self) -> str:
        return f"this {self.scope} and the containers below it" if self.containers else f"this {self.scope}"

    @property
    def place(self) -> str:
        """Of the folders of content, from `data/` on."""
        return "containers/*/" if self.containers else ""

    @property
    def head(self) -> str:
        if not self.since:
            return f"Everything that {self.held} held at {self.snapshot}, written by Freehold {self.version}."
        return (
            f"What changed in this {self.scope} after the bag of {self.since}, written by Freehold {self.version}: "
            "only the rows, documents and files that are new or other than there. "
            "`freehold combine BASE INCREMENT --to DIR` makes the whole bag of both; "
            "`increment/` says how, and which rows and files of the base are gone."
        )


def readme(summary: Summary) -> bytes:
    rows = "\n".join(
        f"| `{summary.place}tables/{table.name}/` | {table.rows:,} | {_cell(table.meaning)} |"
        for table in summary.tables
    )
    place = summary.place
    return f"""# {_cell(summary.title)}

{summary.head}
{_tree(summary)}
| where | rows | what |
|---|---:|---|
{rows}

{_content(summary)}\
`{place}rest/` holds the documents as the server's interfaces answer them. `coverage.json` accounts for every row:
exported, or withheld and why. `ro-crate-metadata.json` describes the runs for archives.

## Look inside

    cd data && duckdb -init open.sql        # every table is a view
    python -c "import pandas; print(pandas.read_parquet('data/{_example(summary)}tables/runs'))"

## Check it

In the folder above this one:

    sha256sum --check --quiet manifest-sha256.txt
    bagit.py --validate .
    freehold verify .
""".encode()


def index_html(summary: Summary) -> bytes:
    rows = "\n".join(_table_row(table, summary) for table in summary.tables)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(summary.title)}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1a19; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #c8c6c4; vertical-align: top; }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
code {{ background: #f3f2f1; padding: 0 .2rem; }}
small {{ color: #605e5c; }}
</style>
</head>
<body>
<h1>{escape(summary.title)}</h1>
<p>{escape(summary.head)}</p>
{_html_tree(summary)}<h2>What is here</h2>
<table>
<caption>Tables, as Parquet files</caption>
<thead><tr><th scope="col">Folder</th><th scope="col">Rows</th><th scope="col">What it holds</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<p>{_html_content(summary)}{_folder("rest/", summary)} holds the documents as the server's interfaces answer them.
<a href="coverage.json">coverage.json</a> accounts for every row.
<a href="ro-crate-metadata.json">ro-crate-metadata.json</a> describes the runs.</p>
<h2>How to look inside and check it</h2>
<p><code>duckdb -init open.sql</code> in this folder opens every table. In the folder above,
<code>sha256sum --check --quiet manifest-sha256.txt</code>, <code>bagit.py --validate .</code> or
<code>freehold verify .</code> shows that nothing is missing or changed.</p>
</body>
</html>
""".encode()


def open_sql(summary: Summary) -> bytes:
    """A view for each table. An empty table has a file as well, so each view has its columns. Of a tree, the views
    have every container's rows, and a column `container_id` that DuckDB reads in the names of the folders."""
    lines = ["-- Every table of this bag as a view. In this folder: duckdb -init open.sql"]
    options = ", hive_partitioning = true, hive_types_autocast = false" if summary.containers else ""
    if summary.containers:
        lines.append(
            # allow-star: because a bag's tables hold nothing but what was decided to leave
            "CREATE OR REPLACE VIEW \"containers\" AS SELECT * FROM read_parquet('tables/containers/*.parquet');"
        )
    for table in summary.tables:
        files = f"{summary.place}tables/{table.name}/*.parquet"
        # allow-star: because a bag's tables hold nothing but what was decided to leave
        lines.append(f"CREATE OR REPLACE VIEW \"{table.name}\" AS SELECT * FROM read_parquet('{files}'{options});")
    return ("\n".join(lines) + "\n").encode()


def _tree(summary: Summary) -> str:
    """For Markdown: the containers and where each lies."""
    if not summary.containers:
        return ""
    lines = "\n".join(
        f"| `{each.folder}/` | {_cell(each.kind.replace('_', ' '))} | {_cell(each.name)} |"
        for each in summary.containers
    )
    return f"""
It holds {len(summary.containers):,} containers, each in a folder of its own; the table `tables/containers/` tells
which stands in which.

| folder | what | name |
|---|---|---|
{lines}
"""


def _html_tree(summary: Summary) -> str:
    if not summary.containers:
        return ""
    items = "\n".join(
        f'<li><a href="{escape(each.folder)}/">{escape(each.name)}</a> '
        f"({escape(each.kind.replace('_', ' '))}) <small>{escape(each.arm_path)}</small></li>"
        for each in summary.containers
    )
    return f"<h2>Containers</h2>\n<ul>\n{items}\n</ul>\n"


def _content(summary: Summary) -> str:
    """For Markdown: the folders of what people named themselves, if there can be any."""
    if not summary.files:
        return ""
    folders = [f"`{summary.place}{name}/`" for line in summary.files for name in line.tables]
    return f"""{_files(summary, folders)} under the names that
people gave them. Where a name could not be kept on every system, the table of the same name gives it beside
its path here.
"""


def _files(summary: Summary, folders: Sequence[str]) -> str:
    """`folders`: of all lines, as they are printed."""
    said, left = [], iter(folders)
    for line in summary.files:
        names, holds = [next(left) for _ in line.tables], "holds" if len(line.tables) == 1 else "hold"
        counted = "1 file" if line.files == 1 else f"{line.files:,} files"
        said.append(f"{' and '.join(names)} {holds} {counted} ({line.size:,} bytes)")
    return ", ".join(said)


def _example(summary: Summary) -> str:
    return f"{summary.containers[-1].folder}/" if summary.containers else ""


def _html_content(summary: Summary) -> str:
    folders = [_folder(f"{name}/", summary) for line in summary.files for name in line.tables]
    return f"{_files(summary, folders)}.\n" if folders else ""


def _folder(name: str, summary: Summary) -> str:
    """A link where there is one such folder."""
    return f"<code>{summary.place}{name}</code>" if summary.containers else f'<a href="{name}">{name}</a>'


def _table_row(table: TableLine, summary: Summary) -> str:
    columns = ", ".join(escape(column) for column in table.columns)
    name = escape(table.name)
    called = name if summary.containers else f'<a href="tables/{name}/">{name}</a>'
    return (
        f"<tr><td>{called}</td>"
        f'<td class="number">{table.rows:,}</td>'
        f"<td>{escape(table.meaning)}<br><small>{columns}</small></td></tr>"
    )


def _cell(text: str) -> str:
    """Plain text for Markdown: no line of its own, no markup, no HTML."""
    plain = "".join(f"\\{char}" if char in "\\`*_{}[]()#+!|~" else char for char in " ".join(text.split()))
    return escape(plain, quote=False)

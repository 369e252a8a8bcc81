"""The pages of a bag that a person reads first: `README.md`, `index.html`, and `open.sql` for DuckDB.

They need no network and no program of ours. Everything that a user chose is escaped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class TableLine:
    """One exported table: its rows, and what it holds in a sentence."""

    name: str
    rows: int
    meaning: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What stands at the head of the pages. `snapshot` is an ISO 8601 time; of an increment `since` is its base's."""

    title: str
    scope: str
    snapshot: str
    version: str
    tables: Sequence[TableLine]
    artifacts: int
    artifact_bytes: int
    since: str = ""

    @property
    def head(self) -> str:
        if not self.since:
            return f"Everything that this {self.scope} held at {self.snapshot}, written by Freehold {self.version}."
        return (
            f"What changed in this {self.scope} after the bag of {self.since}, written by Freehold {self.version}: "
            "only the rows, documents and files that are new or other than there. "
            "`freehold combine BASE INCREMENT --to DIR` makes the whole bag of both; "
            "`increment/` says how, and which rows and files of the base are gone."
        )


def readme(summary: Summary) -> bytes:
    rows = "\n".join(
        f"| `tables/{table.name}/` | {table.rows:,} | {_cell(table.meaning)} |" for table in summary.tables
    )
    return f"""# {_cell(summary.title)}

{summary.head}

| where | rows | what |
|---|---:|---|
{rows}

`artifacts/` holds {summary.artifacts:,} files ({summary.artifact_bytes:,} bytes) under the names that
people gave them. Where a name could not be kept on every system, the table `artifacts` gives it beside its
path here.
`rest/` holds the documents as the server's interfaces answer them. `coverage.json` accounts for every row:
exported, or withheld and why. `ro-crate-metadata.json` describes the runs for archives.

## Look inside

    cd data && duckdb -init open.sql        # every table is a view
    python -c "import pandas; print(pandas.read_parquet('data/tables/runs'))"

## Check it

In the folder above this one:

    sha256sum --check --quiet manifest-sha256.txt
    bagit.py --validate .
    freehold verify .
""".encode()


def index_html(summary: Summary) -> bytes:
    rows = "\n".join(_table_row(table) for table in summary.tables)
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
<h2>What is here</h2>
<table>
<caption>Tables, as Parquet files</caption>
<thead><tr><th scope="col">Folder</th><th scope="col">Rows</th><th scope="col">What it holds</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<p><a href="artifacts/">artifacts/</a> holds {summary.artifacts:,} files ({summary.artifact_bytes:,} bytes).
<a href="rest/">rest/</a> holds the documents as the server's interfaces answer them.
<a href="coverage.json">coverage.json</a> accounts for every row.
<a href="ro-crate-metadata.json">ro-crate-metadata.json</a> describes the runs.</p>
<h2>How to look inside and check it</h2>
<p><code>duckdb -init open.sql</code> in this folder opens every table. In the folder above,
<code>sha256sum --check --quiet manifest-sha256.txt</code>, <code>bagit.py --validate .</code> or
<code>freehold verify .</code> shows that nothing is missing or changed.</p>
</body>
</html>
""".encode()


def open_sql(tables: Sequence[TableLine]) -> bytes:
    """A view for each table. An empty table has a file as well, so each view has its columns."""
    lines = ["-- Every table of this bag as a view. In this folder: duckdb -init open.sql"]
    for table in tables:
        files = f"tables/{table.name}/*.parquet"
        # allow-star: because a bag's tables hold nothing but what was decided to leave
        lines.append(f"CREATE OR REPLACE VIEW \"{table.name}\" AS SELECT * FROM read_parquet('{files}');")
    return ("\n".join(lines) + "\n").encode()


def _table_row(table: TableLine) -> str:
    columns = ", ".join(escape(column) for column in table.columns)
    return (
        f'<tr><td><a href="tables/{escape(table.name)}/">{escape(table.name)}</a></td>'
        f'<td class="number">{table.rows:,}</td>'
        f"<td>{escape(table.meaning)}<br><small>{columns}</small></td></tr>"
    )


def _cell(text: str) -> str:
    """Plain text for Markdown: no line of its own, no markup, no HTML."""
    plain = "".join(f"\\{char}" if char in "\\`*_{}[]()#+!|~" else char for char in " ".join(text.split()))
    return escape(plain, quote=False)

"""What a person and other people's programs read first."""

import json
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from freehold.lifecycle.bag.crate import Crate, Folder, RunAction, crate_pieces
from freehold.lifecycle.bag.pages import FilesLine, Summary, TableLine, index_html, open_sql, readme
from tests.unit.bag.crate_oracle import faults_of

HOSTILE = '<script>alert(1)</script> & "quotes" | `tick` \n# heading [x](http://evil)'
SUMMARY = Summary(
    title=HOSTILE,
    scope="workspace",
    snapshot="2026-11-22T00:00:00+00:00",
    version="0.1.0",
    tables=[TableLine("runs", 2, HOSTILE, ("run_id", "order")), TableLine("empty", 0, "nothing", ("a",))],
    files=[FilesLine(("artifacts",), 3, 4096), FilesLine(("asset_files",), 1, 7)],
)
CRATE = Crate(
    name=HOSTILE,
    description="Everything",
    published="2026-11-22T00:00:00+00:00",
    license="Not stated. The owner of the workspace decides.",
    server_version="0.1.0",
    folders=lambda: [Folder("tables/", "Tables", "Parquet"), Folder("artifacts/run/Ré 1/", "Files", HOSTILE)],
    runs=lambda: [
        RunAction("r1", HOSTILE, "Completed", "2026-11-22T00:00:00+00:00", "2026-11-22T00:01:00+00:00", "m 1",
                  ("artifacts/run/Ré 1/",)),
        RunAction("r2", "two", "Running", None, None, None, ()),
        RunAction("r3", "three", "Failed", "2026-11-22T00:00:00+00:00", None, "m 1", ()),
    ],
)  # fmt: skip


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


def test_the_page_holds_no_script_and_asks_for_no_network() -> None:
    page = _Page()
    page.feed(index_html(SUMMARY).decode())
    assert "script" not in page.tags
    assert page.links
    assert not [link for link in page.links if ":" in link]


def test_the_readme_lets_no_chosen_text_become_markup() -> None:
    text = readme(SUMMARY).decode()
    assert "<script" not in text
    assert "[x](" not in text
    assert "\n# heading" not in text


def test_the_pages_count_the_files_of_each_folder() -> None:
    text, page = readme(SUMMARY).decode(), index_html(SUMMARY).decode()
    assert "`artifacts/` holds 3 files (4,096 bytes), `asset_files/` holds 1 file (7 bytes) under the names" in text
    assert '<a href="asset_files/">asset_files/</a> holds 1 file (7 bytes).' in page
    increment = replace(SUMMARY, files=[FilesLine(("artifacts", "asset_files"), 4, 4103)])
    assert "`artifacts/` and `asset_files/` hold 4 files (4,103 bytes) under the names" in readme(increment).decode()


def test_duckdb_opens_every_table(tmp_path: Path) -> None:
    for table, rows in (("runs", [1, 2]), ("empty", [])):
        (tmp_path / "tables" / table).mkdir(parents=True)
        pq.write_table(pa.table({"order": pa.array(rows, pa.int64())}), tmp_path / f"tables/{table}/part-00000.parquet")
    script = open_sql(SUMMARY).decode().replace("'tables/", f"'{tmp_path}/tables/")
    connection = duckdb.connect()
    connection.execute(script)
    assert connection.execute('SELECT sum("order") FROM runs').fetchone() == (3,)
    assert connection.execute("SELECT count(*) FROM empty").fetchone() == (0,)


@pytest.mark.parametrize("profile", ["ro-crate-1.2", "process-run-crate-0.5"])
def test_a_validator_accepts_the_crate(tmp_path: Path, profile: str) -> None:
    make_crate(tmp_path)
    assert faults_of(tmp_path / "data", tmp_path, profile=profile) == []


def test_the_validator_would_tell_a_fault(tmp_path: Path) -> None:
    crate = make_crate(tmp_path)
    document = json.loads(crate.read_text())
    for entity in document["@graph"]:
        entity.pop("instrument", None)
    crate.write_text(json.dumps(document))
    assert len(faults_of(tmp_path / "data", tmp_path, profile="process-run-crate-0.5")) == 3


def make_crate(root: Path) -> Path:
    for folder in CRATE.folders():
        (root / "data" / folder.path).mkdir(parents=True)
        (root / "data" / folder.path / "x").write_bytes(b"x")
    path = root / "data/ro-crate-metadata.json"
    path.write_bytes(b"".join(crate_pieces(CRATE)))
    subprocess.run(["python3", "-m", "json.tool", str(path)], check=True, capture_output=True)
    return path

"""Are two worlds the same? Answers and bags beside each other, without what is declared retained."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.oracle.serving import Answer

COUNTERS = {"runNumber", "run_number", "next_run_number"}
"""Numbers that go on, though what had an earlier one is gone."""
PLACES_IN_LISTS = {"continuationToken", "nextLink", "next_page_token"}
"""They hold the key of the last row of a page, which is a counter, under a signature."""
PAPERWORK_TABLES = {"audit_entries", "telemetry_records", "tasks", "notifications"}
"""Among other rows they have who asked for the erasure, and what was told of it."""
_WHOLLY_PAPERWORK = {"audit_entries", "telemetry_records", "notifications"}
COVERAGE = "data/coverage.json"
COUNTED_PAGES = {"data/README.md", "data/index.html"}
"""They print the numbers of rows that coverage.json has."""
PAPERWORK = {"taskType": "Operation", "task_type": "Operation"}
"""What was told to whoever asked for an erasure."""


def differing(ours: dict[str, Answer], theirs: dict[str, Answer]) -> dict[str, tuple[Any, Any]]:
    """Question → both answers, where they are not the same."""
    assert ours.keys() == theirs.keys()
    both = {question: (_plain(ours[question]), _plain(theirs[question])) for question in ours}
    return {question: pair for question, pair in both.items() if pair[0] != pair[1]}


def _plain(answer: Answer) -> Any:
    """Status, kind, and the content without what is declared retained."""
    is_json = "json" in answer.kind and answer.body
    return answer.status, answer.kind, without_declared(json.loads(answer.body)) if is_json else answer.body


def without_declared(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _of_key(key, value) for key, value in part.items()}
    if isinstance(part, list):
        return [without_declared(each) for each in part if not _is_paperwork(each)]
    return part


def _of_key(key: str, value: Any) -> Any:
    if key in COUNTERS:
        return "a counter"
    if key in PLACES_IN_LISTS:
        return value and "more"
    return without_declared(value)


def _is_paperwork(part: Any) -> bool:
    return isinstance(part, dict) and any(part.get(key) == value for key, value in PAPERWORK.items())


def differing_files(ours: Path, theirs: Path) -> dict[str, tuple[Any, Any]]:
    """Payload path → both contents, where two bags differ in more than is declared retained."""
    paths = differing_paths(ours, theirs)
    both = {path: (_content(ours / path, path), _content(theirs / path, path)) for path in sorted(paths)}
    return {path: pair for path, pair in both.items() if pair[0] != pair[1]}


def differing_paths(ours: Path, theirs: Path) -> set[str]:
    """Where their payload manifests are not the same, for whatever reason."""
    mine, other = _manifest(ours), _manifest(theirs)
    return {path for path in mine.keys() | other.keys() if mine.get(path) != other.get(path)}


def _manifest(bag: Path) -> dict[str, str]:
    lines = (bag / "manifest-sha256.txt").read_text().splitlines()
    return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}


def _content(file: Path, path: str) -> Any:
    kind, _, table = "/".join(path.split("/")[1:3]).partition("/")
    if path in COUNTED_PAGES or (kind == "tables" and table in _WHOLLY_PAPERWORK):
        return None
    if path == COVERAGE:
        return _coverage(json.loads(file.read_bytes()))
    if path.endswith("ro-crate-metadata.json"):  # of folders it prints counts, and when something was last changed
        return [each for each in json.loads(file.read_bytes())["@graph"] if each["@type"] != "Dataset"]
    if path.endswith(".parquet"):
        return without_declared(pq.read_table(file).to_pylist() if file.exists() else [])
    if path.endswith(".jsonl"):
        return without_declared([json.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else [])
    return file.read_bytes() if file.exists() else None


def _coverage(coverage: dict[str, Any]) -> dict[str, Any]:
    told = {"tables": PAPERWORK_TABLES, "rest": PAPERWORK_TABLES}
    return {
        part: {name: each for name, each in found.items() if name not in told[part]} if part in told else found
        for part, found in coverage.items()
    }

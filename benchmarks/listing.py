"""Pages of 100 in a workspace with 100,000 of the things: the first, the 1,000th, and one document by its id.

One of each noun is made over REST and then multiplied in the database, with the server stopped: making them all over
REST would take most of an hour and change nothing of what is measured.
"""

import http.client
import json
import sqlite3
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Measured
from benchmarks.servers import Server, ServerFault

PAGE, TIMES = 100, 200
THINGS = 100_000
VERSION = "api-version=2020-02-02"
PAGES = Figure("lists", "page of 100 among 100,000: worst p99 of all nouns", "ms", 50, more_is_better=False)
LAST = Figure("lists-last", "the 1,000th page beside the first: worst ratio of medians", "×", 2, more_is_better=False)
GETS = Figure("gets", "one document by its id among 100,000: worst p99 of all nouns", "ms", 5, more_is_better=False)


@dataclass(frozen=True)
class Noun:
    """`counted`: columns that are told apart by a number. `token`: where a page says how to go on."""

    table: str
    list_path: str
    counted: tuple[str, ...]
    get_path: str


def measure_lists(bench: Bench, server: Server) -> list[Measured]:
    things = bench.size(THINGS, 2_000)
    workspace = _workspace(server)
    nouns = list(_make_one_of_each(server, workspace))
    server.stop()
    with sqlite3.connect(server.folder / "data" / "freehold.db") as database:
        for noun in nouns:
            _multiply(database, noun, things)
    server.start()
    firsts, ratios, gets = list[float](), list[float](), list[float]()
    for noun in nouns:
        first, last, get = _measure(server, noun, things // PAGE)
        firsts.append(first[1])
        ratios.append(last[0] / first[0])
        gets.append(get[1])
        print(f"    {noun.table}: first page {first}, last {last}, get {get} (p50, p99 in ms)")
    slowest = [nouns[each.index(max(each))].table for each in (firsts, ratios, gets)]
    return [
        Measured(PAGES, server.name, [max(firsts)], f"{slowest[0]}; {len(nouns)} nouns, {things:,} of each"),
        Measured(LAST, server.name, [max(ratios)], f"page {things // PAGE:,}; {slowest[1]}"),
        Measured(GETS, server.name, [max(gets)], f"{slowest[2]}; one connection"),
    ]


def _workspace(server: Server) -> str:
    subscription = server.call("GET", "/subscriptions?api-version=2019-11-01")["value"][0]["id"]
    return f"{subscription}/resourceGroups/freehold/providers/Microsoft.MachineLearningServices/workspaces/default"


def _make_one_of_each(server: Server, workspace: str) -> Iterator[Noun]:
    history, models = f"/history/v1.0{workspace}", f"/modelmanagement/v1.0{workspace}"
    server.call("POST", f"{history}/experiments/lists")
    server.call("PATCH", f"{history}/experiments/lists/runs/lists-0", {"status": "Completed", "tags": {"a": "b"}})
    yield Noun("experiments", f"{history}/experiments", ("experiment_id", "name"), f"{history}/experiments/lists")
    runs = f"{history}/experiments/lists/runs"
    yield Noun("runs", runs, ("run_id", "data_container_id"), f"{runs}/lists-0")
    tasks = f"/notification/v1.0{workspace}/tasks"
    task = server.call("GET", tasks)["value"][0]["taskId"]
    yield Noun("tasks", tasks, ("task_id",), f"{tasks}/{task}")
    files = f"/artifact/v2.0{workspace}/artifacts/ExperimentRun/dcid.lists-0"
    server.call("POST", f"{files}/batch/metadata", {"paths": [{"path": "file"}]})
    yield Noun("artifacts", files, ("path",), f"{files}/metadata?path=file")
    model = {"name": "lists", "url": "https://example.org/m", "mimeType": "x", "kvTags": {"a": "b"}}
    server.call("POST", f"{models}/models", model)
    yield Noun("models", f"{models}/models", ("model_id", "name"), f"{models}/models/lists%3A1")
    asset = server.call("POST", f"{models}/assets", {"name": "lists", "artifacts": []})["id"]
    yield Noun("assets", f"{models}/assets", ("asset_id", "name"), f"{models}/assets/{asset}")
    image = {"name": "lists", "modelIds": ["lists:1"], "imageType": "Docker"}
    server.fetch("POST", f"{models}/images", image, (202,))
    yield Noun("images", f"{models}/images", ("image_id", "name"), f"{models}/images/lists%3A1")
    server.fetch("POST", f"{models}/services", {"name": "lists", "computeType": "ACI", "imageId": "lists:1"}, (202,))
    yield Noun("services", f"{models}/services?expand=true", ("service_id", "name"), f"{models}/services/lists")
    computes = f"{workspace}/computes"
    server.fetch("PUT", f"{computes}/lists?{VERSION}", {"properties": {"computeType": "AKS"}}, (201,))
    counted = ("compute_id", "name", "name_folded")
    yield Noun("computes", f"{computes}?{VERSION}", counted, f"{computes}/lists?{VERSION}")


def _multiply(database: sqlite3.Connection, noun: Noun, things: int) -> None:
    """Copies of the one row, each a microsecond younger than the one before."""
    names = [row[1] for row in database.execute(f"PRAGMA table_info({noun.table})") if row[1] != "row_id"]
    moments = {"created_at", "updated_at"}
    values = [
        f"one.{name} || '-' || n" if name in noun.counted else f"one.{name} + n" if name in moments else f"one.{name}"
        for name in names
    ]
    database.execute(
        f"""WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
        INSERT INTO {noun.table} ({", ".join(names)})
        SELECT {", ".join(values)} FROM numbers,
        (SELECT * FROM {noun.table} ORDER BY row_id DESC LIMIT 1) AS one""",
        [things - 1],
    )


def _measure(server: Server, noun: Noun, pages: int) -> tuple[tuple[float, float], ...]:
    """(median, p99) in milliseconds: of the first page, of the last, of one document."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    start = noun.list_path + ("&" if "?" in noun.list_path else "?") + f"$top={PAGE}&count={PAGE}"
    address, seen = start, 0
    for _ in range(pages - 1):
        page = _get(server, connection, address)
        seen += len(page["value"])
        following = _following(start, page)
        if following is None:
            break
        address = following
    if seen < PAGE * (pages - 1):
        raise ServerFault(f"{noun.table}: only {seen} of them were listed")
    times = [_times(server, connection, each) for each in (start, address, noun.get_path)]
    connection.close()
    return tuple((round(statistics.median(each), 2), round(_p99(each), 2)) for each in times)


def _following(start: str, page: Any) -> str | None:
    if page.get("nextLink"):
        link = urlsplit(page["nextLink"])
        return f"{link.path}?{link.query}"
    token = page.get("continuationToken")
    return f"{start}&$continuationToken={quote(token)}&continuationToken={quote(token)}" if token else None


def _times(server: Server, connection: http.client.HTTPConnection, address: str) -> list[float]:
    for _ in range(20):
        _get(server, connection, address)
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        _get(server, connection, address, parses=False)
        times.append((time.perf_counter() - began) * 1_000)
    return times


def _get(server: Server, connection: http.client.HTTPConnection, address: str, *, parses: bool = True) -> Any:
    connection.request("GET", address, headers={"Authorization": f"Bearer {server.token}"})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise ServerFault(f"{address} → {answer.status}: {content[:300]!r}")
    return json.loads(content) if parses else None


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]

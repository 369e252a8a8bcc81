"""An import beside the export of the same content: received over HTTP, verified, written, done."""

import http.client
import json
import time
from pathlib import Path

from benchmarks.bench import CONNECTIONS, Bench
from benchmarks.exporting import FILE, IN_BATCH, KEYS, MEBIBYTE, WORKER
from benchmarks.figures import Figure, Measured
from benchmarks.load import Job, generate
from benchmarks.operations import Ended, follow, run_operation
from benchmarks.processes import watching
from benchmarks.servers import Server, ServerFault

RATIO = Figure("import-beside-export", "import, beside the export of the same content", "of its speed", 0.5)
FETCHED = Figure("import-beside-fetched", "import, beside that export and its download", "of its speed")
SECONDS = Figure("import-seconds", "the import, from the first byte sent until it is done", "s", more_is_better=False)
MEMORY = Figure("import-memory", "highest RSS of the importing process", "MB", more_is_better=False)
PIECE = MEBIBYTE
GROUP_VERSION, WORKSPACE_VERSION = "api-version=2019-11-01", "api-version=2019-11-01"


def measure_imports(bench: Bench, server: Server) -> list[Measured]:
    """Points and files together, into a fresh workspace each time."""
    points, files = bench.size(10_000_000, 320_000), bench.size(64, 8)
    experiment = server.new_experiment(f"both-{time.time_ns()}")
    runs = server.new_runs(experiment, CONNECTIONS)
    generate(Job("batch", server.port, server.token, runs, requests=points // IN_BATCH, keys=KEYS, points=IN_BATCH))
    generate(Job("files", server.port, server.token, [f"{experiment}/{runs[0]}/artifacts"], requests=files, size=FILE))
    exports, fetches, imports, memory = [], [], [], []
    for number in range(bench.repeats):
        exported = run_operation(server, "exports", {"scope": "experiment", "id": experiment})
        began = time.perf_counter()
        bag = _fetch(server, exported, bench.folder / "bag.tar")
        fetches.append(time.perf_counter() - began)
        place = _new_workspace(server, f"import-{time.time_ns()}-{number}")
        with watching(server.pid, WORKER) as watch:
            imported = _import(server, bag, place)
        _check(imported, points, files)
        memory.append(watch.highest)
        exports.append(exported.seconds)
        imports.append(imported.seconds)
        bag.unlink()
    ratios = [out / back for out, back in zip(exports, imports, strict=True)]
    fetched = [(out + get) / back for out, get, back in zip(exports, fetches, imports, strict=True)]
    size = f"{points:,} points, {files * FILE // MEBIBYTE:,} MiB of files"
    return [
        Measured(RATIO, server.name, ratios, f"{size}; export {min(exports):.2f} s at best"),
        Measured(FETCHED, server.name, fetched, size),
        Measured(SECONDS, server.name, imports, size),
        Measured(MEMORY, server.name, memory, size),
    ]


def _fetch(server: Server, exported: Ended, to: Path) -> Path:
    path = f"/freehold/v1/exports/{exported.operation_id}/bag"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {server.token}"})
        answer = connection.getresponse()
        with to.open("wb") as file:
            while piece := answer.read(PIECE):
                file.write(piece)
    finally:
        connection.close()
    server.fetch("DELETE", path, expect=(204,))
    return to


def _new_workspace(server: Server, name: str) -> str:
    subscription = server.call("GET", f"/subscriptions?{GROUP_VERSION}")["value"][0]["subscriptionId"]
    place = (
        f"/subscriptions/{subscription}/resourceGroups/freehold"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{name}"
    )
    server.call("PUT", f"{place}?{WORKSPACE_VERSION}", {"location": "local", "properties": {}}, expect=(201,))
    return place


def _import(server: Server, bag: Path, place: str) -> Ended:
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600, blocksize=PIECE)
    headers = {"Authorization": f"Bearer {server.token}", "Content-Length": str(bag.stat().st_size)}
    try:
        with bag.open("rb") as file:
            connection.request("POST", f"/freehold/v1{place}/imports?new_ids=true", file, headers)
            answer = connection.getresponse()
            operation = json.loads(answer.read())
    finally:
        connection.close()
    if answer.status != 202:
        raise ServerFault(f"the import was refused: {operation}")
    return follow(server, operation, began)


def _check(imported: Ended, points: int, files: int) -> None:
    counts = imported.result["counts"]
    if counts["metric_points"] < points or counts["objects"] < files:
        raise ServerFault(f"the import brought {counts}")

"""The steps of the demo, in the order in which a user lives them."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.table import Table

from freehold.cli.bag_place import BagPlace
from freehold.cli.demo.checks import check_with_bagit, check_with_sha256sum, files_with, runs_by_duckdb
from freehold.cli.demo.server import memory_of, running_server
from freehold.cli.failure import Failure
from freehold.cli.fetching import write_bag
from freehold.cli.local import mint_token
from freehold.cli.printing import console, human_bytes
from freehold.client import Freehold, Operation
from freehold.settings import Settings

MARK = "made-by-freehold-demo"


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its data and its bag.")] = Path(".demo"),
    once: Annotated[bool, typer.Option("--once", help="Stop at the end instead of leaving the server up.")] = False,
) -> None:
    """Train real models, log them, export, verify, erase, prove them gone. Leaves the server running."""
    folder = _fresh(folder.resolve())
    data, bag = folder / "data", folder / "bag"
    began = time.monotonic()
    with running_server(data) as (url, seconds):
        _say("server", f"up in {seconds:.2f} s at {url} · {human_bytes(memory_of(data))} resident · data in {data}")
        token = mint_token(Settings(data=str(data)))
        trained = _train(url, token)
        with Freehold(url, token) as server:
            _export(server, bag)
            _read_elsewhere(bag)
            _erase_all(server, data, url, token, trained)
        total = time.monotonic() - began
        console.print(f"\n[bold green]Every step held[/] · {total:.1f} s in all · the bag you keep: {bag}")
        if not once:
            _stay(url, data)


def _fresh(folder: Path) -> Path:
    """The folder, empty. Removes what an earlier demo left, and nothing else."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise Failure("FolderInUse", f"{folder} holds something that no demo made. Choose another --folder.", 2)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / MARK).touch()
    return folder


def _train(url: str, token: str) -> dict[str, Any]:
    environment = {
        "MLFLOW_TRACKING_URI": url,
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-m", "freehold.cli.demo.training"]
    began = time.monotonic()
    with console.status("training three models with the unmodified mlflow client …"):
        done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure("TrainingFailed", f"The training run failed: {done.stderr.strip()[-1_500:]}")
    trained: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    _say("train", f"3 runs of scikit-learn on its digits, logged by mlflow in {time.monotonic() - began:.1f} s")
    console.print(_table(("run", "steps", "accuracy"), [_row(run) for run in trained["runs"]]))
    return trained


def _row(run: dict[str, Any]) -> tuple[str, str, str]:
    return run["name"], str(run["steps"]), f"{run['accuracy']:.3f}"


def _export(server: Freehold, bag: Path) -> None:
    began = time.monotonic()
    operation = server.wait(server.export("workspace"))
    place = BagPlace.of(str(bag))
    with place as local:
        size, report = write_bag(server, operation, local)
        place.finish()
    counts = (operation.result or {})["counts"]
    _say(
        "export",
        f"{counts['runs']} runs, {counts['metric_points']:,} points, {counts['artifacts']} artifacts "
        f"· {human_bytes(size)} in {time.monotonic() - began:.1f} s · {bag}",
    )
    server.drop_bag(operation.id)
    _say("verify", f"{report['files']} files hold their digests, certificate {report['certificate']}")


def _read_elsewhere(bag: Path) -> None:
    check_with_bagit(bag)
    check_with_sha256sum(bag)
    _say("verify", "bagit-python: valid · sha256sum -c: every file OK")
    rows = [(name, f"{points:,}", f"{accuracy:.3f}") for name, points, accuracy in runs_by_duckdb(bag)]
    if len(rows) != 3:
        raise Failure("BagDoesNotHold", f"DuckDB found {len(rows)} runs in the bag where 3 were logged.")
    _say("read", "DuckDB on the bag's tables, without any server")
    console.print(_table(("run", "points", "best accuracy"), rows))


def _erase_all(server: Freehold, data: Path, url: str, token: str, trained: dict[str, Any]) -> None:
    names = [run["name"] for run in trained["runs"]]
    ids = [run["run_id"] for run in trained["runs"]]
    hits, _ = files_with(data, [*ids, *names])
    if not all(hits.values()):
        raise Failure("DemoBroken", "The ids that are to be erased are not on the disk to begin with.")
    worst = min(trained["runs"], key=lambda run: run["accuracy"])
    _erase(server, "run", worst["run_id"])
    _expect_gone(url, token, worst["run_id"])
    _look(data, [worst["run_id"], worst["name"]])
    _erase(server, "experiment", trained["experiment_id"])
    _look(data, [*ids, *names, trained["experiment_id"]])


def _erase(server: Freehold, scope: str, root_id: str) -> None:
    began = time.monotonic()
    plan = server.plan_erasure(scope, root_id)
    operation = server.wait(server.erase(scope, root_id, plan_digest=plan["digest"]))
    statement = server.certificate(operation.id).statement
    rows = sum(step["count"] for step in plan["steps"])
    objects = sum(each["count"] for each in plan["objects"])
    _say("erase", f"one {scope}: {rows:,} rows and {objects} files by plan, {time.monotonic() - began:.1f} s")
    if statement["level"] != "verified":
        raise Failure("NotVerified", f"The erasure reached only {statement['level']!r}: {statement['stores']}")
    search = statement["search"]
    console.print(
        f"         [green]verified[/] by search: {human_bytes(search['bytes_scanned'])} read, "
        f"{search['residue']} traces, {search['mentions']} mentions elsewhere · certificate signed"
    )
    _check_certificate(server, operation)


def _check_certificate(server: Freehold, operation: Operation) -> None:
    from freehold.lifecycle.certificate import verify

    verify(server.certificate_keys(), server.certificate(operation.id).jws)


def _expect_gone(url: str, token: str, run_id: str) -> None:
    address = f"{url}/api/2.0/mlflow/runs/get"
    answer = httpx.get(address, params={"run_id": run_id}, headers={"Authorization": f"Bearer {token}"})
    if answer.status_code != 404:
        raise Failure("NotErased", f"The erased run still answers {answer.status_code}.")


def _look(data: Path, values: list[str]) -> None:
    """Trust nobody: read every byte below the data folder."""
    hits, read = files_with(data, values)
    left = {value: number for value, number in hits.items() if number}
    if left:
        raise Failure("NotErased", f"{len(left)} of {len(values)} erased values are still on the disk.")
    _say("look", f"{len(values)} erased ids and names in {human_bytes(read)} below {data}: none found")


def _stay(url: str, data: Path) -> None:
    console.print(f"The server is left running at [bold]{url}[/] (data: {data}). Stop it with Ctrl-C.")
    console.print(f"  another shell:  freehold operations --data {data}")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("stopping")


def _say(step: str, text: str) -> None:
    console.print(f"[bold cyan]{step:>7}[/]  {text}", highlight=False, soft_wrap=True)


def _table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 3, 0, 0))
    for number, title in enumerate(titles):
        table.add_column(("         " if number == 0 else "") + title, justify="left" if number == 0 else "right")
    for first, *rest in rows:
        table.add_row("         " + first, *rest)
    return table

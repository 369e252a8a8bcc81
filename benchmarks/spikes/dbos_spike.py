"""Is DBOS with a SQLite system database fit to carry Freehold's operations? Measures, prints, decides nothing.

    python benchmarks/spikes/dbos_spike.py            # every figure, about a minute
    python benchmarks/spikes/dbos_spike.py imports    # one group: imports launch kill upgrade residue idle rate

Each figure comes from fresh child processes (this file again, with the argument `child`), because DBOS is one per
process and because a kill -9 must be real. Figures of one machine: docs/decisions/0004-durable-operations.md.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SERVER_MODULES = (
    "starlette.applications",
    "uvicorn",
    "sqlalchemy.orm",
    "numpy",
    "cryptography.x509",
    "msgspec",
    "obstore",
)
CANARY = "canary-7f3a9c55d1e24b0c"
QUEUE = "spike"


# ---------------------------------------------------------------- the parent: one function per group of figures


def imports() -> None:
    """Import time and memory of the server's libraries, then of DBOS on top; five processes, the first one dropped."""
    code = (
        "import importlib, json, time\n"
        "def rss(): return int(open('/proc/self/status').read().split('VmRSS:')[1].split()[0]) / 1024\n"
        f"t = time.perf_counter(); [importlib.import_module(m) for m in {SERVER_MODULES!r}]\n"
        "a, ra = time.perf_counter() - t, rss(); t = time.perf_counter(); import dbos\n"
        "print(json.dumps([a, ra, time.perf_counter() - t, rss() - ra]))"
    )
    runs = [json.loads(subprocess.check_output([sys.executable, "-c", code])) for _ in range(6)][1:]
    base, base_rss, extra, extra_rss = (statistics.median(column) for column in zip(*runs, strict=True))
    say("imports: server libraries", f"{base:.2f} s, {base_rss:.0f} MB RSS")
    say("imports: DBOS on top of them", f"+{extra:.2f} s, +{extra_rss:.0f} MB RSS")


def launch() -> None:
    """Time to launch on an empty folder and again, memory after the first workflow, time to stop."""
    with tempfile.TemporaryDirectory() as folder:
        for label in ("empty folder", "again"):
            report = run_child(folder, "one")
            say(
                f"launch, {label}",
                f"{report['launch_s']:.2f} s, RSS after one workflow {report['rss_mb']:.0f} MB",
            )
            say(
                f"first workflow, {label}",
                f"{report['first_ms']:.0f} ms queue to end; stop {report['stop_s']:.2f} s",
            )


def kill() -> None:
    """kill -9 in the third of five steps, then a new process: which steps run, how often, how soon."""
    with tempfile.TemporaryDirectory() as folder:
        start_and_kill(folder)
        report = run_child(folder, "wait")
        say("kill -9 -> resume", f"{report['done_s']:.2f} s after launch; steps run: {steps(folder)}")


def upgrade() -> None:
    """kill -9, then another application version and other code: pinned (ours) and unpinned (DBOS's default)."""
    for pinned in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            start_and_kill(folder, SPIKE_PINNED=str(int(pinned)))
            report = run_child(folder, "wait", SPIKE_CODE="2", SPIKE_PINNED=str(int(pinned)), SPIKE_PATIENCE="6")
            end = f"resumed in {report['done_s']:.2f} s" if report["done_s"] else "still PENDING after 6 s"
            say(
                f"kill -> new code, version {'pinned' if pinned else 'by DBOS'}",
                f"{end}; steps run: {steps(folder)}",
            )


def residue() -> None:
    """Bytes that can still be read in the file and its WAL after the workflows were deleted.

    Python's own sqlite3 is often a build with secure_delete on (Debian's is); pysqlite3 is an ordinary one.
    """
    for driver in ("sqlite3", "pysqlite3"):
        for secure in ("ON", "OFF"):
            with tempfile.TemporaryDirectory() as folder:
                environment = {"SPIKE_DRIVER": driver, "SPIKE_SECURE": secure, "SPIKE_ARGUMENT": CANARY}
                report = run_child(folder, "residue", **environment)
                found = ", ".join(f"{key}: {value}" for key, value in report["found"].items())
                say(f"residue, {driver}, secure_delete={secure}", found)


def idle() -> None:
    """CPU of a launched engine with nothing to do, by polling interval of the queue."""
    for poll in ("0.1", "0.25", "0.5", "1.0"):
        with tempfile.TemporaryDirectory() as folder:
            report = run_child(folder, "idle", SPIKE_POLL=poll)
            say(f"idle, queue polled every {poll} s", f"{report['cpu_percent']:.1f} % of a core")


def rate() -> None:
    """Ten workflows a second for ten seconds, each of five steps, queued and started directly: latency and CPU."""
    for direct in ("0", "1"):
        with tempfile.TemporaryDirectory() as folder:
            report = run_child(folder, "rate", SPIKE_DIRECT=direct)
            say(
                f"10 workflows/s for 10 s, {'direct' if direct == '1' else 'queued'}",
                f"median {report['p50_ms']:.0f} ms, worst {report['worst_ms']:.0f} ms,"
                f" {report['cpu_percent']:.0f} % of a core, WAL {report['wal_kb']:.0f} kB",
            )


def start_and_kill(folder: str, **environment: str) -> None:
    child = subprocess.Popen([sys.executable, __file__, "child", "hang", folder], env=os.environ | environment)
    deadline = time.monotonic() + 20
    while "3" not in steps(folder) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()


def run_child(folder: str, role: str, **environment: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "child", role, folder]
    report: dict[str, Any] = json.loads(subprocess.check_output(command, env=os.environ | environment))
    return report


def steps(folder: str) -> str:
    path = Path(folder, "steps")
    return path.read_text() if path.exists() else ""


def say(what: str, figure: str) -> None:
    print(f"{what:42} {figure}", flush=True)


# ---------------------------------------------------------------- the child: one DBOS engine, one role


def child(role: str, folder: str) -> None:
    engine = Engine(Path(folder))
    report = {"one": one, "hang": hang, "wait": wait, "residue": plant, "idle": rest, "rate": loop}[role](engine)
    print(json.dumps(report), flush=True)


class Engine:
    """DBOS as Freehold runs it: engine of ours, pinned version, one queue, opaque arguments."""

    def __init__(self, folder: Path) -> None:
        from dbos import DBOS, DBOSConfig

        self.ended: dict[str, float] = {}
        self.folder, self.path, self.dbos = folder, folder / "operations.db", DBOS
        config: DBOSConfig = {"name": "freehold", "log_level": "ERROR", "executor_id": "embedded"}
        config["notification_listener_polling_interval_sec"] = 1.0
        if os.environ.get("SPIKE_PINNED", "1") == "1":
            config["application_version"] = "operations-1"
        config["system_database_engine"] = system_engine(self.path)
        DBOS(config=config)
        self.work = self.register()
        started = time.perf_counter()
        DBOS.launch()
        DBOS.register_queue(
            QUEUE, worker_concurrency=4, polling_interval_sec=float(os.environ.get("SPIKE_POLL", "0.5"))
        )
        self.launch_s = time.perf_counter() - started

    def register(self) -> Any:
        """The workflow of this release: five steps, or after the upgrade other code with six."""

        def work_1(target: str) -> str:
            for name in "12345":
                self.dbos.run_step({"name": name}, self.step, name)
            self.ended[target] = time.perf_counter()
            return target

        def work_2(target: str) -> str:
            for name in ["1", "2", "3", "4", "5", "6"]:
                self.dbos.run_step({"name": name}, self.step, name)
            return target

        return self.dbos.workflow(name="operation")(work_2 if os.environ.get("SPIKE_CODE") == "2" else work_1)

    def step(self, name: str) -> str:
        """Write down that it ran; the third never ends while the file `hang` is there."""
        with Path(self.folder, "steps").open("a") as journal:
            journal.write(name)
        while name == "3" and Path(self.folder, "hang").exists():
            time.sleep(0.01)
        return name

    def enqueue(self, target: str) -> Any:
        if os.environ.get("SPIKE_DIRECT") == "1":
            return self.dbos.start_workflow(self.work, target)
        return self.dbos.enqueue_workflow(QUEUE, self.work, target)


def system_engine(path: Path) -> Any:
    """WAL, synchronous FULL, secure_delete, IMMEDIATE writes, a busy timeout: on every connection."""
    import sqlalchemy as sa

    driver = importlib.import_module(os.environ.get("SPIKE_DRIVER", "sqlite3")).dbapi2
    engine = sa.create_engine(f"sqlite:///{path}", module=driver, pool_size=4, max_overflow=4)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        secure = os.environ.get("SPIKE_SECURE", "ON")
        pragmas = ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", f"secure_delete={secure}")
        for pragma in (*pragmas, "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def one(engine: Engine) -> dict[str, float]:
    started = time.perf_counter()
    engine.enqueue("a").get_result(polling_interval_sec=0.01)
    first = time.perf_counter() - started
    rss, started = resident_mb(), time.perf_counter()
    engine.dbos.destroy()
    return {
        "launch_s": engine.launch_s,
        "first_ms": first * 1e3,
        "rss_mb": rss,
        "stop_s": time.perf_counter() - started,
    }


def hang(engine: Engine) -> dict[str, float]:
    Path(engine.folder, "hang").touch()
    engine.enqueue("a").get_result()
    return {}


def wait(engine: Engine) -> dict[str, float | None]:
    Path(engine.folder, "hang").unlink()
    started, patience = time.perf_counter(), float(os.environ.get("SPIKE_PATIENCE", "20"))
    done = None
    while done is None and time.perf_counter() - started < patience:
        if all(status.status == "SUCCESS" for status in engine.dbos.list_workflows()):
            done = time.perf_counter() - started
        time.sleep(0.02)
    engine.dbos.destroy()
    return {"done_s": done}


def plant(engine: Engine) -> dict[str, dict[str, int]]:
    """Run 200 workflows whose argument is known, delete them, then count its copies before and after TRUNCATE."""
    target = os.environ["SPIKE_ARGUMENT"]
    handles = [engine.enqueue(f"{target}-{number}") for number in range(200)]
    for handle in handles:
        handle.get_result(polling_interval_sec=0.05)
    found = {"live": copies(engine.folder, target)}
    engine.dbos.delete_workflows([handle.get_workflow_id() for handle in handles])
    found["deleted"] = copies(engine.folder, target)
    driver = importlib.import_module(os.environ.get("SPIKE_DRIVER", "sqlite3")).dbapi2
    connection = driver.connect(engine.path, timeout=30)
    found["busy"] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    found["truncated"] = copies(engine.folder, target)
    found["ids truncated"] = sum(copies(engine.folder, handle.get_workflow_id()) for handle in handles)
    engine.dbos.destroy()
    found["stopped"] = copies(engine.folder, target)
    return {"found": found}


def copies(folder: Path, value: str) -> int:
    """Occurrences in the folder, in clear and in the three alignments of base64 (DBOS stores pickles so)."""
    import base64

    needles = [value.encode()] + [base64.b64encode(b" " * n + value.encode())[4 if n else 0 : -4] for n in range(3)]
    files = [path.read_bytes() for path in folder.iterdir() if path.is_file()]
    return sum(content.count(needle) for content in files for needle in needles)


def rest(engine: Engine) -> dict[str, float]:
    time.sleep(3)
    return {"cpu_percent": cpu_while(lambda: time.sleep(8))}


def loop(engine: Engine) -> dict[str, float]:
    waits: list[float] = []

    def work() -> None:
        begun: dict[str, float] = {}
        for number in map(str, range(100)):
            begun[number] = time.perf_counter()
            engine.enqueue(number)
            time.sleep(max(0.0, 0.1 - (time.perf_counter() - begun[number])))
        while len(engine.ended) < 100:
            time.sleep(0.05)
        waits.extend(1e3 * (engine.ended[number] - begun[number]) for number in begun)

    cpu = cpu_while(work)
    wal = Path(f"{engine.path}-wal").stat().st_size / 1024
    engine.dbos.destroy()
    p50, worst = statistics.median(waits), max(waits)
    return {"p50_ms": p50, "worst_ms": worst, "cpu_percent": cpu, "wal_kb": wal}


def cpu_while(work: Any) -> float:
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 100 * used / (time.perf_counter() - started)


def resident_mb() -> float:
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(*sys.argv[2:4])
    else:
        groups = [imports, launch, kill, upgrade, residue, idle, rate]
        for group in groups:
            if not sys.argv[1:] or group.__name__ in sys.argv[1:]:
                group()

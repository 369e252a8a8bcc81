"""Tasks for a real child process, and their worker: `python -m tests.operations.tasks TASK`, or `wait 0`."""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from freehold.kit.breath import breathe
from freehold.kit.problems import Invalid
from freehold.worker import Bench, main


def count(bench: Bench, job: Mapping[str, Any]) -> Mapping[str, Any]:
    """Reads the database, makes a file, tells how far it is."""
    for number in range(3):
        bench.report({"done": number})
    kinds = bench.read(lambda db: list(db.execute(sa.text("SELECT kind FROM operations")).scalars()))
    Path(job["file"]).write_text(f"{len(kinds)}")
    return {"operations": len(kinds), "pid": os.getpid()}


def linger(bench: Bench, job: Mapping[str, Any]) -> Mapping[str, Any]:
    Path(job["file"]).write_text(f"{os.getpid()}")
    time.sleep(60)
    return {}


def linger_aside(bench: Bench, job: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ends at once, unless it runs only when nobody else wants the processor."""
    policy = os.sched_getscheduler(0)
    with Path(job["file"]).open("a") as file:
        file.write(f"{policy} ")
    time.sleep(60 if policy == os.SCHED_IDLE else 0)
    return {"policy": policy}


def policy(bench: Bench, job: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"pid": os.getpid(), "policy": os.sched_getscheduler(0)}


def compute(bench: Bench, job: Mapping[str, Any]) -> Mapping[str, Any]:
    """Tells how long it rested after twenty milliseconds of work."""
    breathe()
    until = time.thread_time() + 0.02
    while time.thread_time() < until:
        pass
    began = time.perf_counter()
    breathe()
    return {"rested": time.perf_counter() - began}


def refuse(bench: Bench, job: Mapping[str, Any]) -> Mapping[str, Any]:
    raise Invalid("TooOld", "This bag is too old. Export it again.")


def die(bench: Bench, job: Mapping[str, Any]) -> Mapping[str, Any]:
    raise RuntimeError("the secret text of a run")


def write(bench: Bench, job: Mapping[str, Any]) -> Mapping[str, Any]:
    bench.read(lambda db: db.execute(sa.text("UPDATE operations SET kind = 'changed'")))
    return {}


if __name__ == "__main__":
    names = ("count", "linger", "linger_aside", "policy", "compute", "refuse", "die", "write")
    sys.exit(main({name: f"tests.operations.tasks:{name}" for name in names}, sys.argv[1:]))

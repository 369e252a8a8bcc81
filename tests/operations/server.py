"""A process under test: the real database, engine and DBOS, with kinds that leave a mark for every effect they commit.

    python server.py DATA [--database URL] [--driver sqlite3|pysqlite3] [--executor NAME] [--request KIND …]
                          [--until-ended] [--most-recoveries N] [--sweep SECONDS]

Prints the ids of what it requested, then "running". Ends when its standard input does, or with `--until-ended` once no
operation is unfinished. Effects are rows of the table `marks`; what a step does outside the database goes to DATA/work.
"""

import argparse
import errno
import os
import sys
import time
from pathlib import Path

import sqlalchemy as sa

from freehold.kit.clock import SystemClock
from freehold.kit.ids import UuidSource
from freehold.kit.problems import Away, InsufficientStorage, Invalid
from freehold.operations import queries
from freehold.operations.engine import OperationEngine
from freehold.operations.model import Progress
from freehold.operations.service import request_operation
from freehold.operations.steps import OperationContext, Step, Turn, again, finished
from freehold.operations.workflows import AT_ONCE
from freehold.settings import Settings
from freehold.storage.database import Database, open_database
from freehold.storage.keys import KeyStore
from freehold.storage.migrations import migrate
from freehold.storage.transaction import Transaction

ROUNDS = 4
CONTENT = "the secret text of a run"


def mark(db: Transaction, context: OperationContext, text: str) -> None:
    statement = sa.text("INSERT INTO marks VALUES (:operation, :mark)")
    db.execute(statement, {"operation": context.operation.operation_id, "mark": text})


def journal(context: OperationContext, text: str) -> None:
    """A line for what happened outside the database."""
    with (context.settings.data_folder / "work").open("a") as file:
        file.write(text + "\n")


def hide(db: Transaction, context: OperationContext) -> Turn:
    mark(db, context, "hide")
    return finished(Progress(0, ROUNDS))


def rows(db: Transaction, context: OperationContext) -> Turn:
    number = context.cursor or 0
    mark(db, context, f"rows {number}")
    progress = Progress(number + 1, ROUNDS, {"rows": 10 * (number + 1)})
    return again(number + 1, progress) if number + 1 < ROUNDS else finished(progress)


def make_file(context: OperationContext) -> int:
    journal(context, "file")
    while (context.settings.data_folder / "hold").exists():
        context.check()
        time.sleep(0.02)
    return 7


def file(db: Transaction, context: OperationContext) -> Turn:
    mark(db, context, f"file {context.found}")
    return finished()


def seal(db: Transaction, context: OperationContext) -> Turn:
    mark(db, context, "seal")
    return finished(context.operation.progress, result={"rows": 40})


def refuse(context: OperationContext) -> None:
    raise Invalid("TooOld", f"This is refused: {CONTENT}")


def need_word(context: OperationContext) -> None:
    journal(context, f"listens {context.operation.operation_id}")
    if not (context.settings.data_folder / "word").exists():
        raise Away("Silence", "Nobody has said a word yet.")


def say_word(context: OperationContext) -> None:
    """Once there are more that listen than may run at once."""
    work = context.settings.data_folder / "work"
    if not work.exists() or len(set(work.read_text().splitlines())) <= AT_ONCE:
        raise Away("Absence", "Not all are here yet.")
    (context.settings.data_folder / "word").touch()


def break_(context: OperationContext) -> None:
    journal(context, "try")
    raise RuntimeError(CONTENT)


def break_twice(context: OperationContext) -> None:
    journal(context, "try")
    if (context.settings.data_folder / "work").read_text().count("try") < 3:
        raise RuntimeError(CONTENT)


def need_room(context: OperationContext) -> None:
    journal(context, "try")
    if (context.settings.data_folder / "full").exists():
        raise InsufficientStorage("InsufficientStorage", "The disk is full.")


def need_room_for_a_file(context: OperationContext) -> None:
    journal(context, "try")
    if (context.settings.data_folder / "full").exists():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def clean_up(context: OperationContext) -> None:
    journal(context, f"clean up {context.operation.state}")


def main() -> None:
    arguments = _arguments()
    data = Path(arguments.data)
    settings = Settings(
        data=str(data),
        database=arguments.database,
        sqlite_driver=arguments.driver,
        sweep_seconds=arguments.sweep or (1 if arguments.database else 30),
    )
    clock = SystemClock()
    database = open_database(settings, clock, UuidSource(clock), KeyStore(settings.key_folder, clock))
    migrate(database.engine)
    database.write_now(lambda db: db.execute(sa.text("CREATE TABLE IF NOT EXISTS marks (operation TEXT, mark TEXT)")))
    engine = OperationEngine(database, settings, executor=arguments.executor, most_recoveries=arguments.most_recoveries)
    _register(engine)
    engine.start()
    for kind in arguments.request:
        print(database.write_now(lambda db, kind=kind: _request(db, engine, kind)), flush=True)  # type: ignore[misc]  # binds the loop's value
    assert engine.wait_until_running(20)
    print("running", flush=True)
    if arguments.until_ended:
        _wait(database)
    else:
        sys.stdin.read()
    engine.stop()
    database.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--database", default="")
    parser.add_argument("--driver", default="sqlite3")
    parser.add_argument("--executor", default="")
    parser.add_argument("--request", nargs="*", default=[])
    parser.add_argument("--until-ended", action="store_true")
    parser.add_argument("--most-recoveries", type=int, default=50)
    parser.add_argument("--sweep", type=int, default=0)
    return parser.parse_args()


def _register(engine: OperationEngine) -> None:
    steps = [Step("hide", hide), Step("rows", rows), Step("file", file, work=make_file), Step("seal", seal)]
    engine.register("erase", steps, clean_up=clean_up)
    engine.register("filing", [Step("file", file, work=make_file), Step("seal", seal)], clean_up=clean_up)
    engine.register("refused", [Step("hide", hide), Step("seal", seal, work=refuse)], clean_up=clean_up)
    engine.register("broken", [Step("seal", seal, work=break_)], clean_up=clean_up)
    engine.register("shaky", [Step("seal", seal, work=break_twice)], clean_up=clean_up)
    engine.register("waiting", [Step("seal", seal, work=need_word)], clean_up=clean_up)
    engine.register("waiting_here", [Step("seal", seal, work=need_word)], clean_up=clean_up, is_local=True)
    engine.register("speaking", [Step("seal", seal, work=say_word)], clean_up=clean_up)
    for kind in ("roomy", "roomy_to_its_end"):
        engine.register(kind, [Step("hide", hide), Step("seal", seal, work=need_room)], clean_up=clean_up)
    steps = [Step("hide", hide), Step("seal", seal, work=need_room_for_a_file)]
    engine.register("file_to_its_end", steps, clean_up=clean_up)


def _request(db: Transaction, engine: OperationEngine, kind: str) -> str:
    can_cancel = not kind.endswith("to_its_end")
    target_id = db.new_id()
    return request_operation(
        db, engine, kind=kind, target_id=target_id, scope="run", can_cancel=can_cancel
    ).operation_id


def _wait(database: Database) -> None:
    while database.read_now(queries.unfinished_ids):
        time.sleep(0.02)


if __name__ == "__main__":
    main()

"""The binding to DBOS: which operations are alive, started, recovered, retried and forgotten. Nothing else knows DBOS.

Importing this module is cheap; `Workflows()` imports DBOS, which takes half a second (docs/decisions/0004), beside
requests. SQLAlchemy's mapper, which DBOS needs, is imported here, before there are any: from its first moment it is
asked about objects of every statement, and until it is whole it answers with an AttributeError.

A workflow is given one operation id and is called by the same; its steps answer true or false. The serializer refuses
all else.
"""

import json
import logging
import re
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, cast

import sqlalchemy as sa
import sqlalchemy.orm

from freehold.operations.runner import LONGEST_PAUSE
from freehold.operations.steps import Stopping

NAME = "freehold"
QUEUE = "operations"
WORKFLOW = "operation"
# DBOS recovers only workflows of its own version. Ours carry no state that new code could misread, so this never moves.
VERSION = "operations-1"
AT_ONCE = 8
ATTEMPTS = 5
RETRIED = {"retries_allowed": True, "max_attempts": ATTEMPTS, "interval_seconds": 0.5, "backoff_rate": 2.0}
FIRST_PAUSE = 0.5
"""Seconds between two attempts while the engine's own database cannot be written: a full disk may pass."""
LARGEST_PURGE = 200
ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
ABANDONED = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"
CLAIMED = "PENDING"
LIVE = [CLAIMED, "ENQUEUED", "DELAYED"]
log = logging.getLogger("freehold.operations")


class Workflows:
    """One per process, because DBOS is. `spread`: through a queue that all workers of the deployment share."""

    def __init__(
        self,
        *,
        engine: sa.Engine | None,
        url: str | None,
        executor: str,
        at_work: Callable[[str], AbstractContextManager[None]],
        run_slice: Callable[[str], bool],
        give_up: Callable[[str, str], None],
        wait: Callable[[float], bool],
        most_recoveries: int,
    ) -> None:
        """Either an `engine` (embedded SQLite) or the `url` of a PostgreSQL database, where DBOS has its own schema.

        `wait`: so many seconds, or until the server stops; then True.
        """
        _quiet_log()
        from dbos import DBOS, SetWorkflowID, error

        self._dbos: Any = DBOS
        self._with_id: Any = SetWorkflowID
        self._spread = engine is None
        DBOS(config=cast("Any", _config(engine, url, executor)))
        self._operate = DBOS.workflow(name=WORKFLOW, max_recovery_attempts=most_recoveries)(
            _workflow(at_work, _Steps(DBOS, wait), run_slice, give_up, error.DBOSWorkflowConflictIDError)
        )

    def launch(self) -> None:
        """Open the system database, make its tables, and take up again what this executor had running."""
        self._dbos.launch()
        if self._spread:
            self._dbos.register_queue(QUEUE, worker_concurrency=AT_ONCE, polling_interval_sec=1.0)

    def start(self, operation_id: str, *, here: bool) -> None:
        """Start it, unless a workflow of this operation is there already; `here`: in this process, else in any."""
        with self._with_id(operation_id):
            if here:
                self._dbos.start_workflow(self._operate, operation_id)
            else:
                self._dbos.enqueue_workflow(QUEUE, self._operate, operation_id)

    def resume(self, operation_id: str) -> None:
        """Take it away from an executor that seems dead. If it is not, the fence lets one of the two pass."""
        self._dbos.resume_workflow(operation_id, queue_name=QUEUE if self._spread else None)

    def live_ids(self) -> set[str]:
        return {workflow.workflow_id for workflow in self._list(LIVE)}

    def claims(self) -> dict[str, int | None]:
        """The ids of what some executor has taken to run, each with the time of the taking: another one at each."""
        return {workflow.workflow_id: workflow.updated_at for workflow in self._list([CLAIMED])}

    def forget_ended(self) -> tuple[int, list[str]]:
        """Delete what has ended: how many, and which operations were recovered too often and must be given up."""
        number, abandoned = 0, list[str]()
        while ended := self._list(ENDED, limit=LARGEST_PURGE):
            self._dbos.delete_workflows([workflow.workflow_id for workflow in ended])
            number += len(ended)
            abandoned += [workflow.workflow_id for workflow in ended if workflow.status == ABANDONED]
        return number, abandoned

    def close(self) -> None:
        self._dbos.destroy(destroy_registry=True)

    def _list(self, states: list[str], limit: int | None = None) -> list[Any]:
        found: list[Any] = self._dbos.list_workflows(
            status=states, name=WORKFLOW, limit=limit, load_input=False, load_output=False
        )
        return found


def _workflow(
    at_work: Callable[[str], AbstractContextManager[None]],
    steps: "_Steps",
    run_slice: Callable[[str], bool],
    give_up: Callable[[str, str], None],
    lost: type[BaseException],
) -> Callable[[str], None]:
    """Slices until one says that nothing is left. The names and the order of the steps are part of VERSION.

    `lost`: what DBOS raises when another executor has taken the workflow over. Were it let through, the thread would
    wait for what that one writes down, and this process could not end before.
    """

    def operate(operation_id: str) -> None:
        with at_work(operation_id):
            try:
                run_slices(operation_id)
            except lost:
                raise TakenOver from None

    def run_slices(operation_id: str) -> None:
        try:
            while steps.run("slice", run_slice, operation_id):
                pass
        except Exception as fault:
            steps.run("give up", give_up, operation_id, _last_code(fault))

    return operate


class TakenOver(BaseException):
    """Another executor runs this workflow: leave at once and record nothing. No Exception, for DBOS records those."""


class _Steps:
    """Runs a step until it is written down, too. A fault of a database is the engine's: of our own calls' faults it
    tells only that all attempts are used up."""

    def __init__(self, dbos: Any, wait: Callable[[float], bool]) -> None:
        self._dbos = dbos
        self._wait = wait

    def run(self, name: str, call: Callable[..., Any], *arguments: str) -> Any:
        """A step that could not be written down is run again: what it did is in our own rows, and is not done twice.

        Raises Stopping when the server stops meanwhile: the next start takes the operation up.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                return self._dbos.run_step({"name": name, **RETRIED}, call, *arguments)
            except sa.exc.DBAPIError as fault:
                log.warning("a step was not written down", extra={"fault": type(fault).__name__})
            if self._wait(pause):
                raise Stopping
            pause = min(LONGEST_PAUSE, 2 * pause)


def _last_code(fault: Exception) -> str:
    """The code of the last attempt's StepFault; DBOS wraps the attempts, and a replay may have lost them."""
    errors = getattr(fault, "errors", None) or [fault]
    return str(getattr(errors[-1], "code", "InternalError"))


def _config(engine: sa.Engine | None, url: str | None, executor: str) -> dict[str, object]:
    config: dict[str, object] = {
        "name": NAME,
        "application_version": VERSION,
        "executor_id": executor,
        "serializer": OpaqueSerializer(),
        "log_level": "WARNING",
        "use_listen_notify": False,  # nobody waits for its events
        "max_executor_threads": AT_ONCE,
    }
    if engine is not None:
        return config | {"system_database_engine": engine}
    return config | {"system_database_url": url, "sys_db_pool_size": 4}


class OpaqueSerializer:
    """Writes ids, truth values and the types of faults, and refuses everything else: DBOS's file is no place for it."""

    def name(self) -> str:
        return "freehold-opaque-1"

    def serialize(self, data: Any) -> str:
        if isinstance(data, BaseException):
            return json.dumps({"fault": _last_code(cast("Exception", data))})
        if isinstance(data, dict) and data.keys() == {"args", "kwargs"} and not data["kwargs"]:
            return json.dumps({"args": [_opaque(value) for value in data["args"]], "kwargs": {}})
        return json.dumps(_opaque(data))

    def deserialize(self, serialized_data: str) -> Any:
        data = json.loads(serialized_data)
        return RecordedFault(data["fault"]) if isinstance(data, dict) and "fault" in data else data


class RecordedFault(Exception):
    """A fault of an earlier attempt, as it was written down: its code only."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _opaque(value: Any) -> str | bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f-]{36}", value):
        return str(uuid.UUID(value))
    raise TypeError(f"A workflow may be given ids and truth values only, not a {type(value).__name__}.")


def _quiet_log() -> None:
    """DBOS's messages name workflow ids and print exceptions; ours say only that and where there was one."""
    theirs = logging.getLogger("dbos")
    theirs.propagate = False
    if not any(isinstance(handler, _Forward) for handler in theirs.handlers):
        theirs.handlers[:] = [_Forward()]


class _Forward(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        place = ":".join((record.module, f"{record.lineno}"))
        log.log(record.levelno, "the workflow engine logged a message", extra={"place": place})

"""Commands that look at long work: operations, and a bar while one waits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec
import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from freehold.cli.connection import AsJson, Data, Token, Url, connect
from freehold.cli.failure import INTERRUPTED, Failure
from freehold.cli.printing import console, errors, print_json, print_table
from freehold.client import Freehold, FreeholdError, Operation
from freehold.client.documents import Fault

ERASE = "erase"
"""The kind of operations that nothing stops."""
STATE_COLOURS = {"Succeeded": "green", "Failed": "red", "Canceled": "yellow"}


def register(app: typer.Typer) -> None:
    app.command()(operations)


def operations(
    operation: Annotated[str | None, typer.Argument(help="Id of one operation; all if left out.")] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel the operation.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Go on with a failed erasure.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the operation has ended.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many to list.")] = 20,
    data: Data = None,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List long-running operations, newest first; or show, wait for or cancel one."""
    if operation is None and (cancel or retry or wait):
        raise Failure("WrongArguments", "--cancel, --retry and --wait go with the id of an operation.", 2)
    with connect(data, url, token) as server:
        if operation is None:
            found = server.operations(limit=limit)
        else:
            ask = server.cancel if cancel else server.retry if retry else server.operation
            found = [ask(operation)]
            if wait:
                found = [watch(server, found[0], quiet=as_json)]
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
    else:
        show(found)


def show(found: list[Operation]) -> None:
    """A table, and below it why operations failed or what they wait for."""
    print_table(_table(found), "no operations")
    for each in found:
        if each.error is not None:
            console.print(_reason(each, each.error), soft_wrap=True)


def watch(server: Freehold, operation: Operation, *, quiet: bool) -> Operation:
    """Wait for an operation with a progress bar on standard error. Raises Failure when Ctrl-C stops the waiting, and
    for an erasure that failed, which is not given up."""
    with telling_how_to_go_on(operation):
        try:
            return wait(server, operation, quiet=quiet)
        except FreeholdError as fault:
            if operation.kind != ERASE or not server.operation(operation.id).is_ended:
                raise
            raise Failure(fault.code, f"{fault}\n  {_retry(operation)}") from None


@contextmanager
def telling_how_to_go_on(operation: Operation, then: str = "") -> Iterator[None]:
    """Ctrl-C becomes a Failure that says what is under way. `then`: what else there is to do at its end."""
    try:
        yield
    except KeyboardInterrupt:
        raise Failure("Interrupted", "\n  ".join(_ways_on(operation, then)), INTERRUPTED) from None


def _ways_on(operation: Operation, then: str) -> Iterator[str]:
    yield f"The server goes on with operation {operation.id}."
    yield f"wait for it: freehold operations {operation.id} --wait"
    if operation.kind != ERASE:
        yield f"stop it: freehold operations {operation.id} --cancel"
    if then:
        yield then


def wait(server: Freehold, operation: Operation, *, quiet: bool) -> Operation:
    """As `watch`, for who catches Ctrl-C."""
    if quiet:
        return server.wait(operation)
    with _bar() as bar:
        task = bar.add_task(operation.kind, total=None)
        return server.wait(operation, _update(bar, task))


def _update(bar: Progress, task: object) -> Callable[[Operation], None]:
    def update(operation: Operation) -> None:
        done, total = operation.progress.done, operation.progress.total
        label = f"{operation.kind} {operation.scope} · {operation.step or 'starting'}"
        bar.update(task, description=label, completed=done, total=total or None)  # type: ignore[arg-type]  # rich's TaskID

    return update


def _bar() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=errors, transient=True)


def _reason(operation: Operation, reason: Fault) -> Text:
    """Why it failed, and how an erasure goes on then; of one that runs, what it waits for."""
    said = "failed" if operation.is_ended else "waits"
    goes_on = operation.is_ended and operation.kind == ERASE
    way_on = f"\n  {_retry(operation)}" if goes_on else ""
    return Text(f"{operation.id} {said}: {reason.message} ({reason.code}){way_on}")


def _retry(operation: Operation) -> str:
    return f"go on with it, once what stood in its way is mended: freehold operations {operation.id} --retry"


def _table(found: list[Operation]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, collapse_padding=True)
    for title in ("operation", "kind", "scope", "state", "done", "begun"):
        folds = title in ("scope", "begun")  # 80 columns are too few for all; ids are copied from here
        table.add_column(title, no_wrap=not folds, overflow="fold")
    for each in found:
        colour = STATE_COLOURS.get(each.state, "cyan")
        percent = "" if each.progress.percent is None else f"{each.progress.percent:.0f} %"
        state, begun = f"[{colour}]{each.state}[/]", each.created_at[:19].replace("T", " ")
        table.add_row(each.id, each.kind, each.scope, state, percent, begun)
    return table

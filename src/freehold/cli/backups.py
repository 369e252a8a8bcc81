"""Commands of backup and restore. The keys are never part of a backup: keep their folder by itself."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.progress import Progress

from freehold.cli.connection import AsJson, Data
from freehold.cli.failure import Failure
from freehold.cli.printing import console, counted, errors, human_bytes, print_json
from freehold.cli.serving import settings_of
from freehold.kit.clock import SystemClock
from freehold.kit.problems import Problem

Keys = Annotated[str | None, typer.Option("--keys", help="Folder of the keys, if it is not in the data folder.")]


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)
    app.command()(rotate_keys)


def backup(
    to: Annotated[Path, typer.Argument(help="New folder for the backup.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Copy the data while the server goes on. The keys stay apart: without them a backup cannot be restored."""
    from freehold.storage.backup import back_up

    settings = settings_of(data)
    try:
        with Progress(console=errors, transient=True, disable=as_json) as bar:
            task = bar.add_task("objects", total=None)
            mark = back_up(settings, to, SystemClock(), lambda size: bar.advance(task, size))
    except Problem as fault:
        raise Failure(fault.code, fault.message) from None
    except OSError as fault:
        raise Failure(
            "NoBackupMade", f"There is no backup at {to}: {_reason(fault)}. Nothing of it was kept."
        ) from None
    if as_json:
        print_json(msgspec.to_builtins(mark))
        return
    console.print(f"[green]✓[/] {to} · {mark.objects} objects, {human_bytes(mark.object_bytes)}")
    console.print(
        f"  Not in it, on purpose: the keys in {settings.key_folder}. Keep a copy of the newest ones elsewhere."
    )


def restore(
    backup: Annotated[Path, typer.Argument(help="Folder of a backup.")],
    data: Data = None,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup into a new data folder. What was erased since is erased again before anybody is served.

    Interrupted, the same command goes on; until all of that is hidden again, no server starts on the folder.
    """
    from freehold.app import DataFolderBusy
    from freehold.app import restore as put_back

    settings = settings_of(data, keys=keys)
    if not settings.key_folder.is_dir():
        message = f"There are no keys in {settings.key_folder}. Name the server's newest key folder with --keys."
        raise Failure("NoKeys", message, 2)
    try:
        erased, log_closed = put_back(settings, backup)
    except DataFolderBusy as fault:
        raise Failure("DataFolderBusy", str(fault)) from None
    except Problem as fault:
        raise Failure(fault.code, fault.message) from None
    except OSError as fault:
        message = (
            f"The backup could not be put into {settings.data_folder}: {_reason(fault)}. The same command goes on."
        )
        raise Failure("NotRestored", message) from None
    failed = [each for each in erased if each.state != "Succeeded"]
    closed = {"code": log_closed.code, "message": log_closed.message} if log_closed else None
    told = {"erased_again": len(erased), "failed": [each.operation_id for each in failed], "log_closed": closed}
    if not as_json:
        console.print(f"[green]✓[/] restored into {settings.data_folder} · erased again: {len(erased)}")
    elif not failed:
        print_json(told)
    if log_closed and not as_json:
        console.print(f"  [yellow]the certificate log is closed:[/] {escape(log_closed.message)}", soft_wrap=True)
        console.print("  The server works, and certifies, but nobody can look its certificates up until then.")
    if failed:
        message = f"{counted(len(failed), 'erasure', 'erasures')} did not end well: see `freehold operations`."
        raise Failure("NotErasedAgain", message, more=told)


def rotate_keys(
    destroy_old: Annotated[
        bool, typer.Option("--destroy-old", help="Destroy old envelope keys: older backups then show no names.")
    ] = False,
    data: Data = None,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Make new keys while the server is stopped. What the old ones signed keeps verifying."""
    from freehold.app import DataFolderBusy
    from freehold.app import rotate_keys as rotate

    settings = settings_of(data, keys=keys)
    if not settings.key_folder.is_dir():
        raise Failure("NoKeys", f"There are no keys in {settings.key_folder}. Name their folder with --keys.", 2)
    try:
        rewrapped = rotate(settings, destroy_old=destroy_old)
    except DataFolderBusy as fault:
        raise Failure("DataFolderBusy", str(fault)) from None
    except Problem as fault:
        raise Failure(fault.code, fault.message) from None
    if as_json:
        print_json({"rewrapped": rewrapped})
    else:
        console.print(f"[green]✓[/] new keys in {settings.key_folder} · {rewrapped} sealed values rewrapped")


def _reason(fault: OSError) -> str:
    """Without the file: of a copy that failed it is the one that was read."""
    return fault.strerror or str(fault)

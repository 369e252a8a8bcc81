"""Increments: what changed since a bag, and the command that puts both together again."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from freehold.cli.bag_place import check_free, check_target, require_bag
from freehold.cli.connection import AsJson
from freehold.cli.failure import Failure
from freehold.cli.printing import console, counted, human_bytes, print_json
from freehold.client import Freehold, Operation

SALT_BYTES = 16
_OPERATION_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Since = Annotated[
    str | None,
    typer.Option(
        help="Only what changed since this bag: a folder, a .tar or a .zip on this machine, or the id of the operation "
        "that made one which is still on the server."
    ),
]


def register(app: typer.Typer) -> None:
    app.command()(combine)


def combine(
    base: Annotated[Path, typer.Argument(help="The bag that the first increment was made on.")],
    increments: Annotated[list[Path], typer.Argument(help="Increments, each made on what stands before it.")],
    to: Annotated[Path, typer.Option(help="Folder for the whole bag; it is not there yet.")],
    tombstones: Annotated[
        Path | None, typer.Option(help="Write what is gone there: a JSON line for each row or file of the base.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the whole bag of a bag and increments on it: that of a full export at the last one's moment, byte for byte.

    Needs no server. Every digest is checked; an increment on another base is refused. Give more space than the bag has.
    """
    from contextlib import ExitStack

    from freehold.cli.verifying import verify_or_fail
    from freehold.lifecycle.increments.combining import combine as combine_bags
    from freehold.lifecycle.increments.opening import opened
    from freehold.lifecycle.increments.tombstones import write_tombstones

    for bag in (base, *increments):
        require_bag(bag)
    check_target(to, archives=())
    if tombstones is not None:
        check_free(tombstones, "--tombstones")
    for increment in increments:
        verify_or_fail(increment, None, quiet=as_json)
    with ExitStack() as stack:
        folders = [stack.enter_context(opened(bag, to.absolute().parent)) for bag in (base, *increments)]
        gone = write_tombstones(folders[0], folders[1:], tombstones) if tombstones is not None else None
        made = combine_bags(folders[0], folders[1:], to.absolute())
    if as_json:
        told = {"bag": str(to), "files": made.files, "bytes": made.size, "manifest_sha256": made.manifest_sha256}
        print_json(told | ({"tombstones": gone} if gone is not None else {}))
        return
    size = f"{counted(made.files, 'file', 'files')}, {human_bytes(made.size)}"
    console.print(f"[green]✓[/] combined to [bold]{to}[/] · {size}")
    console.print("[green]✓[/] the same payload, byte for byte, as a full export at that moment")
    if gone is not None:
        rows = counted(gone, "row or file of the base is gone", "rows and files of the base are gone")
        console.print(f"  {rows}: {tombstones}")


def begin_increment(
    server: Freehold, scope: str, id: str | None, since: str, *, alone: bool = False, dry_run: bool = False
) -> Operation:
    """`since`: a path that is there, or else an operation's id."""
    if not Path(since).exists():
        if not _OPERATION_ID.fullmatch(since):
            if "://" in since:
                require_bag(Path(since))
            message = f"There is nothing at {since}, nor is it an operation's id. Name a folder, a .tar or a .zip file."
            raise Failure("NoSuchBag", message, 2)
        return server.export(scope, id, alone=alone, since=since, dry_run=dry_run)
    with _index_of(Path(since)) as pieces:
        return server.export_since(pieces, scope, id, alone=alone, dry_run=dry_run)


@contextmanager
def _index_of(bag: Path) -> Iterator[Iterator[bytes]]:
    """The index of a bag as it is sent: digests under a fresh key, so that it tells nothing to who lacks the bag."""
    from freehold.lifecycle.increments.index import index_bag, index_pieces
    from freehold.lifecycle.increments.opening import check_listed, opened

    with TemporaryDirectory(prefix="freehold-index-") as scratch, opened(bag, with_files=False) as folder:
        check_listed(folder)
        body = Path(scratch) / "body"
        with body.open("wb") as entries:
            head = index_bag(folder, entries, secrets.token_hex(SALT_BYTES))
        yield index_pieces(head, body)

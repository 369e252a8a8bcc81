"""How a bag comes from the server: the command fetch, and what an export does once its bag is made."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold.cli.bag_place import ARCHIVES, BagPlace
from freehold.cli.connection import AsJson, Data, Token, Url, connect
from freehold.cli.failure import INTERRUPTED, Failure
from freehold.cli.moving import moving
from freehold.cli.printing import console, counted, human_bytes, print_json
from freehold.cli.verifying import print_base, verify_or_fail
from freehold.cli.watching import telling_how_to_go_on, wait
from freehold.client import Freehold, Operation

To = Annotated[
    str, typer.Option(help="Folder, .tar or .zip file that is not there yet; or s3://, az:// or gs://…/NAME.tar.")
]
Keep = Annotated[bool, typer.Option("--keep", help="Leave the server's own copy there.")]


def register(app: typer.Typer) -> None:
    app.command()(fetch)


def fetch(
    operation: Annotated[str, typer.Argument(help="Id of the export's operation.")],
    to: To = "bag.tar",
    keep: Keep = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Bring the bag of an export that is still on the server, verify it, and drop the server's copy.

    For an export whose command was stopped or could not write its bag, or was given --keep. One that is under way is
    waited for; a download that breaks off goes on where it was.
    """
    place = BagPlace.of(to, data)
    with place, connect(data, url, token) as server:
        asked = server.operation(operation)
        if asked.kind != "export":
            raise Failure("NoExport", f"Only an export has a bag; this operation is of the kind {asked.kind}.", 2)
        bring_home(server, asked, place, keep=keep, as_json=as_json)


def bring_home(server: Freehold, begun: Operation, place: BagPlace, *, keep: bool, as_json: bool) -> None:
    """Wait for an export, fetch its bag, verify it, put it where it is wanted, and tell of it. Raises Failure."""
    again = f"freehold fetch {begun.id} --to PLACE"
    with telling_how_to_go_on(begun, f"its bag then: {again}"):
        _load_verifier()
        operation = wait(server, begun, quiet=as_json)
    with _saying(place, f"The bag is still on the server: {again}"):
        size, report = write_bag(server, operation, place.made, quiet=as_json)
        place.finish()
    if not keep:
        server.drop_bag(operation.id)
    result = operation.result or {}
    if as_json:
        print_json({"operation": operation.id, "bag": place.to, "bytes": size, "result": result, "verified": report})
        return
    console.print(f"[green]✓[/] exported to [bold]{place.to}[/] · {human_bytes(size)} · {told_counts(result)}")
    console.print(
        f"[green]✓[/] verified: {counted(report['files'], 'file', 'files')}, certificate {report['certificate']}"
    )
    if keep:
        console.print(f"  the server's own copy stays: {again}", soft_wrap=True)
    print_base(report)


def _load_verifier() -> None:
    """While the server works: it takes a tenth of a second that would else come after."""
    for module in ("verify", "unpacking"):
        import_module(f"freehold.lifecycle.bag.{module}")


@contextmanager
def _saying(place: BagPlace, more: str) -> Iterator[None]:
    """Whatever stands in the bag's way becomes a Failure that says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Failure("Interrupted", f"Nothing was written to {place.to}. {more}", INTERRUPTED) from None
    except OSError as fault:
        message = f"The bag could not be written to {place.to}: {fault.strerror or fault}. {more}"
        raise Failure("CannotWrite", message) from None
    except Failure as fault:
        raise Failure(fault.code, f"{fault} {more}", fault.exit_code, more=fault.more) from None


def write_bag(server: Freehold, operation: Operation, to: Path, *, quiet: bool = False) -> tuple[int, dict[str, Any]]:
    """Fetch the bag as a tar or zip file, or unpack it where a folder is wanted, and verify it: its bytes, the report.

    `to`: as a BagPlace has it. Raises Failure for one that does not hold.
    """
    keys = server.certificate_keys()
    is_archive = to.suffix in ARCHIVES
    with moving("fetching", quiet=quiet) as moved:
        size = (
            server.fetch_bag(operation.id, to, moved.add)
            if is_archive
            else _unpack(moved.through(server.stream_bag(operation.id)), to)
        )
    return size, verify_or_fail(to, keys, called="What the server sent", quiet=quiet)


def _unpack(pieces: Iterator[bytes], to: Path) -> int:
    """How many bytes came."""
    from freehold.lifecycle.bag.sources import BrokenArchive
    from freehold.lifecycle.bag.unpacking import unpack

    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for piece in pieces:
            size += len(piece)
            yield piece

    try:
        unpack(counted(), to)
    except (BrokenArchive, FileExistsError):
        message = "What the server sent is no sound archive. Look at the server's log, then export again."
        raise Failure("BagDoesNotHold", message) from None
    return size


def told_counts(result: dict[str, Any]) -> str:
    counts: dict[str, int] = result.get("counts") or {}
    return ", ".join(counted(number, _one(name), name.replace("_", " ")) for name, number in counts.items() if number)


def _one(many: str) -> str:
    """What a table or a noun is called of which there is one: `metric_points` → `metric point`."""
    one = f"{many.removesuffix('ies')}y" if many.endswith("ies") else many.removesuffix("s")
    return one.replace("_", " ")

"""Commands of leaving and forgetting: export, verify, erase, plan."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.table import Table

from freehold.cli.bag_place import ARCHIVES, BagPlace
from freehold.cli.connection import AsJson, Data, Token, Url, Workspace, connect
from freehold.cli.failure import Failure
from freehold.cli.increments import Since, begin_increment
from freehold.cli.printing import console, human_bytes, print_json
from freehold.cli.watching import watch
from freehold.client import Freehold, Operation, Plan

ScopeName = Literal[
    "workspace",
    "experiment",
    "run",
    "asset",
    "model",
    "manifest",
    "image",
    "service",
    "compute",
    "datastore",
    "dataset",
    "pipeline_object",
    "pipeline_draft",
    "task",
    "notification",
]
Scope = Annotated[ScopeName, typer.Argument(help="What it is; `workspace` is any container, with all below it.")]
RootId = Annotated[
    str | None, typer.Argument(help="Its id, or its name (name:version where it has versions); none for a workspace.")
]


Alone = Annotated[bool, typer.Option("--alone", help="Of a container without what stands below it.")]


def register(app: typer.Typer) -> None:
    app.command()(export)
    app.command()(verify)
    app.command()(erase)


def export(
    scope: Scope,
    id: RootId = None,
    to: Annotated[
        str, typer.Option(help="Folder, .tar or .zip file that is not there yet; or s3://, az:// or gs://…/NAME.tar.")
    ] = "bag.tar",
    since: Since = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server's own copy there.")] = False,
    alone: Alone = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Take a container with all below it, or one thing in it, out as a bag, verify it, and drop the server's copy.

    With --since only what changed since another bag: an increment, which `freehold combine` makes whole again.
    """
    check_root(scope, id)
    check_alone(scope, alone)
    place = BagPlace.of(to)
    with place as local, connect(data, url, token, workspace) as server:
        begun = (
            begin_increment(server, scope, id, since, alone=alone) if since else server.export(scope, id, alone=alone)
        )
        _load_verifier()
        operation = watch(server, begun, quiet=as_json)
        size, report = write_bag(server, operation, local)
        place.finish()
        if not keep:
            server.drop_bag(operation.id)
    result = operation.result or {}
    if as_json:
        print_json({"operation": operation.id, "bag": str(to), "bytes": size, "result": result, "verified": report})
        return
    console.print(f"[green]✓[/] exported to [bold]{to}[/] · {human_bytes(size)} · {_counts(result)}")
    console.print(f"[green]✓[/] verified: {report['files']} files, certificate {report['certificate']}")
    _print_base(report)


def _load_verifier() -> None:
    """While the server works: it takes a tenth of a second that would else come after."""
    for module in ("verify", "unpacking"):
        import_module(f"freehold.lifecycle.bag.{module}")


def verify(
    bag: Annotated[Path, typer.Argument(help="A bag: a folder, a .tar or a .zip file.")],
    keys: Annotated[Path | None, typer.Option(help="JWK set of the server that signed it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a bag without trusting it: every digest, nothing missing, nothing more, the signature. Needs no server."""
    if not bag.exists():
        raise Failure("NoSuchBag", f"There is nothing at {bag}. Name a folder, a .tar or a .zip file.", 2)
    report = verify_or_fail(bag, _read_keys(keys) if keys else None)
    if as_json:
        print_json(report)
    else:
        size = human_bytes(int(report["bytes"]))
        console.print(
            f"[green]✓[/] {bag} is whole: {report['files']} files, {size}, certificate {report['certificate']}"
        )
        _print_base(report)


def erase(
    scope: Scope,
    id: RootId = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the plan.")] = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Erase a workspace, or one thing in it, for good, and have it proved gone. Prints the plan and asks first."""
    check_root(scope, id)
    if as_json and not (yes or dry_run):
        raise Failure("WrongArguments", "With --json nobody is asked: add --yes to erase, or --dry-run to see.", 2)
    with connect(data, url, token, workspace) as server:
        plan = server.plan_erasure(scope, id)
        if dry_run or not as_json:
            print_json(plan) if as_json else print_plan(plan)
        if dry_run:
            return
        if not yes and not typer.confirm("Erase this for good? It cannot be undone.", default=False):
            raise Failure("NotErased", "Nothing was erased.")
        operation = watch(server, server.erase(scope, id, plan_digest=plan["digest"]), quiet=as_json)
        certificate = server.certificate(operation.id)
    if as_json:
        print_json({"operation": msgspec.to_builtins(operation), "certificate": msgspec.to_builtins(certificate)})
        return
    statement = certificate.statement
    console.print(f"[green]✓[/] level reached: [bold]{statement['level']}[/] · {_counts(statement)}")
    console.print(f"  certificate {certificate.id} (freehold operations {operation.id} --json)")


def check_root(scope: str, id: str | None) -> None:
    if (scope == "workspace") != (id is None):
        its_own = f"the {scope}'s id, or its name where no two have the same"
        wanted = "no id: name another workspace with --workspace" if scope == "workspace" else its_own
        raise Failure("WrongArguments", f"`{scope}` takes {wanted}.", 2)


def check_alone(scope: str, alone: bool) -> None:
    if alone and scope != "workspace":
        raise Failure("WrongArguments", "--alone is for a `workspace`: nothing else has containers below it.", 2)


def _read_keys(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        message = f"{path} holds no JWK set. GET /freehold/v1/certificates/keys of the server that signed gives one."
        raise Failure("InvalidKeys", message, 2) from None


def write_bag(server: Freehold, operation: Operation, to: Path) -> tuple[int, dict[str, Any]]:
    """Fetch the bag as a tar or zip file, or unpack it where a folder is wanted, and verify it: its bytes, the report.

    `to`: as a BagPlace gives it. Raises Failure for one that does not hold.
    """
    keys = server.certificate_keys()
    is_archive = to.suffix in ARCHIVES
    size = server.fetch_bag(operation.id, to) if is_archive else _unpack(server.stream_bag(operation.id), to)
    return size, verify_or_fail(to, keys, called="What the server sent")


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


def verify_or_fail(bag: Path, keys: dict[str, Any] | None, *, called: str = "") -> dict[str, Any]:
    """Raises Failure with the first faults of a bag that does not hold."""
    from freehold.lifecycle.bag.verify import verify_bag

    report = verify_bag(bag, keys=keys)
    if not report.ok:
        faults = "; ".join(f"{fault.code} {fault.path}".strip() for fault in report.faults[:5])
        raise Failure("BagDoesNotHold", f"{called or bag} does not hold: {faults}")
    base = {"base_manifest_sha256": report.base, "base_snapshot": report.base_snapshot} if report.base else {}
    return {"files": report.files, "bytes": report.size, "certificate": str(report.certificate)} | base


def _print_base(report: dict[str, Any]) -> None:
    if "base_manifest_sha256" in report:
        console.print(
            f"  It is an increment on the bag of {report['base_snapshot']} with the manifest "
            f"{report['base_manifest_sha256']}. Whole with that only: freehold combine BASE INCREMENT --to DIR",
            soft_wrap=True,
        )


def print_plan(plan: Plan) -> None:
    table = Table(box=None, header_style="bold", title="What will be erased", title_justify="left")
    table.add_column("record")
    table.add_column("rows", justify="right")
    table.add_column("bytes", justify="right")
    for step in plan["steps"]:
        table.add_row(step["record"], f"{step['count']:,}", human_bytes(step["bytes"]) if step["bytes"] else "")
    console.print(table)
    for hold in plan["holds"]:
        console.print(f"  [red]forbidden by the legal hold {hold}[/]")
    for each in plan["conflicts"]:
        console.print(f"  [red]still needed by {', '.join(each['needed_by']) or each['record']}[/]")
    for copy in plan["copies"]:
        console.print(f"  [yellow]also goes:[/] the bag of export {copy['operation_id']} that lies on this server")
    kept = ", ".join(each["record"] for each in plan["retained"])
    console.print(f"  [dim]stays, with reasons in --json: {kept}[/]")


def _counts(result: dict[str, Any]) -> str:
    counts: dict[str, int] = result.get("counts") or {}
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items() if number)

"""The command that believes no bag: verify."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from freehold.cli.bag_place import require_bag
from freehold.cli.connection import AsJson
from freehold.cli.failure import Failure
from freehold.cli.moving import moving, size_if_known
from freehold.cli.printing import console, counted, human_bytes, print_json

if TYPE_CHECKING:
    from freehold.lifecycle.bag.verify import Fault

Bag = Annotated[
    Path,
    typer.Argument(
        help="A bag: a folder; a .tar of any tool, not compressed, with the bag's folder or what is in it; or a .zip "
        "as `export` makes it (unpack one of another tool). On this machine: no address of a store."
    ),
]


def register(app: typer.Typer) -> None:
    app.command()(verify)


def verify(
    bag: Bag,
    keys: Annotated[Path | None, typer.Option(help="JWK set of the server that signed it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a bag without trusting it: every digest, nothing missing, nothing more, the signature. Needs no server."""
    require_bag(bag)
    report = verify_or_fail(bag, _read_keys(keys) if keys else None, quiet=as_json)
    if as_json:
        print_json(report)
    else:
        files, size = counted(report["files"], "file", "files"), human_bytes(int(report["bytes"]))
        console.print(f"[green]✓[/] {bag} is whole: {files}, {size}, certificate {report['certificate']}")
        print_base(report)


def verify_or_fail(bag: Path, keys: dict[str, Any] | None, *, called: str = "", quiet: bool = False) -> dict[str, Any]:
    """Raises Failure with the first faults of a bag that does not hold. `quiet`: no bar meanwhile."""
    from freehold.lifecycle.bag.verify import verify_bag

    _refuse_folder_above(bag)
    try:
        with moving("checking", size_if_known(bag), quiet=quiet) as moved:
            report = verify_bag(bag, keys=keys, on_progress=moved.reach)
    except (OSError, ValueError, RecursionError, MemoryError) as fault:
        raise Failure("BagDoesNotHold", f"{called or bag} cannot be read: {fault or type(fault).__name__}") from fault
    if not report.ok:
        faults = "; ".join(map(_told, report.faults[:5]))
        more = {"fault_count": report.fault_count, "faults": report.faults}
        raise Failure("BagDoesNotHold", f"{called or bag} does not hold: {faults}", more=more)
    base = {"base_manifest_sha256": report.base, "base_snapshot": report.base_snapshot} if report.base else {}
    return {"files": report.files, "bytes": report.size, "certificate": str(report.certificate)} | base


def _refuse_folder_above(bag: Path) -> None:
    """As tools unpack an archive: a folder with the bag's in it. Raises Failure."""
    if not bag.is_dir() or (bag / "bagit.txt").exists():
        return
    found = [declaration.parent for declaration in bag.glob("*/bagit.txt")]
    if len(found) == 1:
        raise Failure("BagDoesNotHold", f"{bag} is no bag, but holds one. Name the folder inside: {found[0]}")


def _told(fault: "Fault") -> str:
    return f"{fault.code}: {fault.message}" if fault.message else f"{fault.code} {fault.path}".strip()


def _read_keys(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        message = f"{path} holds no JWK set. GET /freehold/v1/certificates/keys of the server that signed gives one."
        raise Failure("InvalidKeys", message, 2) from None


def print_base(report: dict[str, Any]) -> None:
    if "base_manifest_sha256" in report:
        console.print(
            f"  It is an increment on the bag of {report['base_snapshot']} with the manifest "
            f"{report['base_manifest_sha256']}. Whole with that only: freehold combine BASE INCREMENT --to DIR",
            soft_wrap=True,
        )

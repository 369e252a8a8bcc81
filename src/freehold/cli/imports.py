"""The command that brings a bag in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from freehold.cli.bag_place import check_writable, require_bag
from freehold.cli.connection import AsJson, Data, Token, Url, Workspace, connect
from freehold.cli.failure import INTERRUPTED, Failure
from freehold.cli.fetching import told_counts
from freehold.cli.moving import moving, size_if_known
from freehold.cli.printing import console, counted, print_json
from freehold.cli.verifying import Bag, verify_or_fail
from freehold.cli.watching import watch
from freehold.client import Freehold, FreeholdError, Operation

PIECE = 1 << 20
TOLD = 20


def register(app: typer.Typer) -> None:
    app.command("import")(import_bag)


def import_bag(
    bag: Bag,
    new_ids: Annotated[bool, typer.Option("--new-ids", help="Give everything in it a new id.")] = False,
    mapping: Annotated[Path | None, typer.Option(help="With --new-ids: write old and new ids there, as JSON.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would stand in the way.")] = False,
    make: Annotated[bool, typer.Option("--make", help="Make the container that the bag is of, in its place.")] = False,
    below: Annotated[
        str | None, typer.Option(help="With --make: ARM path of the resource group or container to make it in.")
    ] = None,
    data: Data = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Bring a bag into a workspace, whole or not at all. An unused one of the same name becomes the bag's own.

    A bag of a tree goes into a container of the kind of its root, which --workspace names; what stands below is made.
    With --make nothing has to stand before: the container itself is made, too, under the name that the bag has for it,
    where the bag has it in your resource group, or right in what --below names. If the import fails, it is not there.
    """
    require_bag(bag)
    if mapping is not None and not new_ids:
        raise Failure("WrongArguments", "--mapping goes with --new-ids.", 2)
    if mapping is not None:
        check_writable(mapping, "--mapping")
    if (below is not None and not make) or (make and dry_run):
        raise Failure("WrongArguments", "--below goes with --make, and --make does not go with --dry-run.", 2)
    _refuse_increment(bag, verify_or_fail(bag, None, quiet=as_json))
    with connect(data, url, token, workspace) as server:
        place = _place_of(bag, below or _only_group(server)) if make else None
        with _sending(bag, quiet=as_json) as pieces:
            operation = server.import_bag(pieces, new_ids=new_ids, dry_run=dry_run, make=place)
        ended = _wait(server, operation, quiet=as_json, new_ids=new_ids)
        report = server.import_report(ended.id)
        ids = server.import_mapping(ended.id) if new_ids else {}
        if mapping is not None:
            mapping.write_bytes(msgspec.json.format(msgspec.json.encode(ids)))
        server.drop_import(ended.id)
    if as_json:
        print_json({"operation": msgspec.to_builtins(ended), "report": report, "mapping": ids})
    else:
        _print(bag, report, dry_run=dry_run)


def _refuse_increment(bag: Path, report: dict[str, Any]) -> None:
    """Raises Failure, before anything is made or sent."""
    if "base_manifest_sha256" in report:
        message = (
            f"{bag} is an increment: only what changed since the bag of {report['base_snapshot']}. Put both together, "
            f"and import that: freehold combine BASE {bag} --to DIR"
        )
        raise Failure("BagIsIncrement", message)


def _only_group(server: Freehold) -> str:
    """Raises Failure where there is more than one, or none."""
    groups = server.resource_groups()
    if len(groups) == 1:
        return groups[0]
    told = "".join(f"\n  {each}" for each in groups[:TOLD])
    message = f"You see {len(groups)} resource groups. Name the one to make it in: --below PATH{told}"
    raise Failure("WhichResourceGroup", message, 2)


def _place_of(bag: Path, below: str) -> str:
    """The ARM path of the container to make. Raises Failure where it could not stand there."""
    from freehold.domain.access.kinds import FACTS, Kind, parse
    from freehold.lifecycle.bag.root import root_of_bag

    root = root_of_bag(bag)
    if root is None or root.kind not in set(Kind):
        message = (
            f"{bag} is of less than a container. Import it into one that stands (--workspace PATH), without --make."
        )
        raise Failure("NoContainerInBag", message, 2)
    below = "/" + below.strip("/")
    at = below.casefold().find("/providers/")
    if at < 0:
        return f"{below}/{root.arm_path}"
    facts, above = FACTS[Kind(root.kind)], parse(below[at + 1 :])
    if above is None or above[0] is not facts.parent:
        needed = FACTS[facts.parent].called if facts.parent else "resource group"
        message = f"The bag is of the {facts.called} {root.name}. With --below name the {needed} to make it in."
        raise Failure("CannotStandThere", message, 2)
    return f"{below}/{facts.collections[-1]}/{root.name}"


@contextmanager
def _sending(bag: Path, *, quiet: bool) -> Iterator[Iterator[bytes]]:
    """Its bytes. Raises Failure when Ctrl-C stops the sending."""
    try:
        with moving("sending", size_if_known(bag), quiet=quiet) as moved:
            yield moved.through(_pieces(bag))
    except KeyboardInterrupt:
        message = (
            "The bag was not sent whole, and nothing of it is kept.\n"
            "  Had its last byte come already, its import is under way: freehold operations"
        )
        raise Failure("Interrupted", message, INTERRUPTED) from None


def _wait(server: Freehold, operation: Operation, *, quiet: bool, new_ids: bool = False) -> Operation:
    """Raises Failure with the reasons that the report gives."""
    try:
        return watch(server, operation, quiet=quiet)
    except FreeholdError as fault:
        try:
            report = server.import_report(operation.id)
        except FreeholdError:
            raise fault from None
        server.drop_import(operation.id)
        why = _reason(report, new_ids=new_ids) or str(fault)
        raise Failure(fault.code, why, more={"report": report}) from None


_WITHOUT = "Export again without them where the bag was made, or log them anew, as new things."


def _reason(report: dict[str, Any], *, new_ids: bool) -> str:
    """Empty where the report found nothing in the way: what came later says itself why."""
    refused = report.get("refused")
    if refused:
        where = f" ({refused['where']})" if refused["where"] else ""
        return f"{refused['message']}{where}"
    lines = []
    if erased := report["erased_count"]:
        stay = counted(erased, "id was erased here and does not come back", "ids were erased here and do not come back")
        lines.append(f"{stay}, and nothing overrides that. {_WITHOUT}")
    if taken := report["taken_count"]:
        names = taken if new_ids else report.get("names_taken_count", 0)  # older servers do not count them
        lines.append(_way_on(taken, names, new_ids=new_ids))
    return "\n".join([*lines, *_conflicts(report)])


def _way_on(taken: int, names: int, *, new_ids: bool) -> str:
    if new_ids:
        stand = counted(taken, "name stands already", "names stand already")
        return f"{stand}, and --new-ids changes none: use an empty workspace."
    stand = counted(taken, "id or name stands already", "ids or names stand already")
    whole = (
        f" with an empty workspace ({counted(names, 'is a name', 'are names')}, and it changes none)" if names else ""
    )
    return f"{stand}: use --new-ids{whole}, or an empty workspace of another server."


def _conflicts(report: dict[str, Any]) -> Iterator[str]:
    for each in report["erased"][:TOLD]:
        yield f"  erased: {each['record']} {each['id']}"
    yield from _untold(report, "erased")
    for each in report["taken"][:TOLD]:
        what = ", ".join(f"{name} {value}" for name, value in each["what"].items())
        yield f"  taken: {each['record']} {what}"
    yield from _untold(report, "taken")


def _untold(report: dict[str, Any], kind: str) -> Iterator[str]:
    listed, count = len(report[kind]), report[f"{kind}_count"]
    if count > TOLD:
        yield f"  {kind}: {count - TOLD:,} more; --json lists {'all' if listed == count else f'the first {listed:,}'}"


def _print(bag: Path, report: dict[str, Any], *, dry_run: bool) -> None:
    counts = told_counts(report)
    if not dry_run:
        console.print(f"[green]✓[/] imported {bag}: {counts}")
        return
    console.print(f"{bag} holds {counts}")
    taken = counted(report["taken_count"], "id or name is taken", "ids or names are taken")
    console.print(f"{taken}, {counted(report['erased_count'], 'was', 'were')} erased here")
    for line in _conflicts(report):
        console.print(line, markup=False)


def _pieces(bag: Path) -> Iterator[bytes]:
    """Raises Failure where a folder changes meanwhile: it has been verified, so nothing else can be wrong with it."""
    if bag.is_dir():
        from freehold.lifecycle.bag.tar import iter_tar

        try:
            yield from iter_tar(bag, "bag", 0)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError, IndexError) as fault:
            message = f"{bag} changed while it was sent, and nothing of it is kept. Send it once nobody changes it."
            raise Failure("BagChanged", message) from fault
        return
    with bag.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece

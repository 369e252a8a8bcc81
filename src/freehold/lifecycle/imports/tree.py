"""The containers of a bag that holds a tree: read without trust. What the table says of them must fit together."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from freehold.domain.access.kinds import FACTS, Kind, parse
from freehold.domain.workspaces.rules import check_name, check_properties, check_tags, check_text
from freehold.kit.problems import Invalid
from freehold.lifecycle.contents import TREE
from freehold.lifecycle.imports.budget import Budget
from freehold.lifecycle.imports.extract import MOST_CONTAINERS
from freehold.lifecycle.imports.reading import batches_of
from freehold.lifecycle.imports.refusal import Refused
from freehold.lifecycle.imports.renaming import UUID, Renamer
from freehold.lifecycle.imports.spool import BagContainer
from freehold.lifecycle.tree import CONTAINERS, folder_of
from freehold.records.containers import Workspace

OPTIONAL = {"parent_id"}


def read_tree(files: Sequence[Path], budget: Budget) -> list[BagContainer]:
    """Each behind the one that it stands in, the root first. Raises Refused."""
    rows = list(islice(_rows(files, budget), MOST_CONTAINERS + 1))
    if len(rows) > MOST_CONTAINERS:
        raise Refused("BagTooLarge", f"It has more than {MOST_CONTAINERS} containers.", CONTAINERS)
    ids = {row["container_id"] for row in rows}
    if len(ids) != len(rows):
        raise Refused("BagDuplicate", "Two containers of the tree have the same id.", CONTAINERS)
    places: dict[str, int] = {}
    tree: list[BagContainer] = []
    for row in rows:
        parent = None if not tree else _parent_of(row, places, ids)
        tree.append(_container(row, parent, tree))
        places[row["container_id"]] = len(places)
    if not tree:
        raise Refused("BagMissingTable", "It says that it is a tree, and has no containers.", CONTAINERS)
    if len({each.arm_path.casefold() for each in tree}) != len(tree):
        raise Refused("BagDuplicate", "Two containers of the tree stand in the same place.", CONTAINERS)
    return tree


def check_row(each: BagContainer, row: Mapping[str, Any], renamer: Renamer) -> None:
    """The container's own row says the same as the table of the tree. Raises Refused.

    The row may have new ids already.
    """
    told = {"public_id": renamer.exact(each.container_id), "kind": each.kind}
    told |= {"name": renamer.text(each.name), "arm_path": renamer.text(each.arm_path)}
    where = str(Workspace.table.name)
    if any(row[name] != value for name, value in told.items()):
        raise Refused("BagWrongTree", "A container is another than the table of the tree says.", where)


def check_own(row: Mapping[str, Any]) -> None:
    """What a container says of itself is what one that was made here could say. Raises Refused.

    The row has the ids of the bag: where it is taken on, so are its name and its place.
    """
    path, where = row["arm_path"], str(Workspace.table.name)
    found = parse(path)
    if found is None or path.strip("/") != path or (found[0], found[1][-1]) != (row["kind"], row["name"]):
        message = "A container's path is not that of its kind and name."
        raise Refused("BagWrongValue", message, f"{where}.arm_path, row 1")
    try:
        _check_names(found[0], found[1])
        for name in ("friendly_name", "description", "location"):
            check_text(name, row[name])
        check_tags(msgspec.json.decode(row["tags"], type=dict[str, str]))
        check_properties(msgspec.json.decode(row["properties"]))
    except (Invalid, msgspec.ValidationError) as fault:
        message = fault.message if isinstance(fault, Invalid) else "The tags of a container are texts."
        raise Refused("BagWrongValue", message, f"{where}, row 1") from fault


def _check_names(kind: Kind, names: Sequence[str]) -> None:
    """Its own and of those that it stands in."""
    above: Kind | None = kind
    for name in reversed(names):
        assert above is not None, "a path has a name for each container of its kind's line"
        check_name(above, name)
        above = FACTS[above].parent


def _rows(files: Sequence[Path], budget: Budget) -> Iterator[dict[str, Any]]:
    for file in files:
        for batch in batches_of(file, TREE, OPTIONAL, CONTAINERS, budget):
            for row in batch.to_pylist():
                if any(row.get(name) is None for name in TREE.names if name not in OPTIONAL):
                    raise Refused("BagMissingValue", "A table lacks a value that it must have.", CONTAINERS)
                yield row


def _parent_of(row: Mapping[str, Any], places: Mapping[str, int], ids: set[str]) -> int:
    parent = row.get("parent_id")
    if parent not in ids:
        raise Refused("BagLinkOutside", "A container stands in one that is not in the bag.", CONTAINERS)
    if parent not in places:
        message = "A container comes before the one that it stands in, or they stand in each other."
        raise Refused("BagWrongTree", message, CONTAINERS)
    return places[parent]


def _container(row: Mapping[str, Any], parent: int | None, tree: Sequence[BagContainer]) -> BagContainer:
    if not UUID.fullmatch(row["container_id"]) or row["folder"] != folder_of(row["container_id"]):
        raise Refused("BagWrongValue", "A container's folder is not its own.", CONTAINERS)
    if parent is None and row.get("parent_id") is not None:
        raise Refused("BagLinkOutside", "The first container stands in another, and must be the root.", CONTAINERS)
    _check_place(row, None if parent is None else tree[parent])
    return BagContainer(row["container_id"], parent, row["kind"], row["name"], row["arm_path"])


def _check_place(row: Mapping[str, Any], above: BagContainer | None) -> None:
    """The ARM path is that of its kind and name, right below that of the one that it stands in."""
    found = parse(row["arm_path"])
    if found is None or (found[0], found[1][-1]) != (row["kind"], row["name"]):
        raise Refused("BagWrongTree", "A container's path is not that of its kind and name.", CONTAINERS)
    kind, names = found
    if above is not None:
        path = f"{above.arm_path}/{FACTS[kind].collections[-1]}/{row['name']}"
        if FACTS[kind].parent != above.kind or row["arm_path"] != path:
            raise Refused("BagWrongTree", "A container's path is not below that of its parent.", CONTAINERS)
    try:
        check_name(Kind(kind), names[-1])
    except Invalid as fault:
        raise Refused("BagWrongName", fault.message, CONTAINERS) from fault

"""Tombstones by name: what an increment says is gone, with the keys that the base has for it.

A server knows only places in the base. Whoever has the base learns here what stood there.
"""

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from freehold.lifecycle.increments.form import read_tombstones
from freehold.lifecycle.increments.index import key_columns, scope_of
from freehold.lifecycle.increments.layout import FILES, BagFolder, is_points, read_rows
from freehold.lifecycle.increments.rows import select, select_rows


def write_tombstones(base: Path, increments: Sequence[Path], to: Path) -> int:
    """A JSON line for each row or file that the first increment says is gone from `base`; how many.

    Only of one increment: what a later one says is about a bag that must be made first.
    """
    count = 0
    with to.open("xb") as lines:
        for line in tombstones(base, increments[0]):
            lines.write(msgspec.json.encode(line) + b"\n")
            count += 1
    return count


def tombstones(base: Path, increment: Path) -> Iterator[dict[str, Any]]:
    """`table` with `key` (all values of a row that people cannot name), or `file`; of points one for each series."""
    bag = BagFolder(base)
    keys = key_columns(scope_of(base))
    for name, gone in read_tombstones(increment):
        if name == FILES:
            for path, _ in select(bag.files(), gone):
                yield {"file": path}
        else:
            yield from _rows(bag, name, gone, keys.get(name, ()))


def _rows(bag: BagFolder, name: str, gone: "array[int]", key: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    before: dict[str, Any] = {}
    for batch in select_rows(read_rows(bag.paths(name)), gone):
        columns = list(key) or batch.schema.names[:2] if is_points(name) or key else batch.schema.names
        for row in batch.select(columns).to_pylist():
            line = {"table": name.partition("/")[2], "key": row}
            if line != before or not is_points(name):
                yield line
            before = line

"""Metric points on their way in: rows of a table become packed rows of the record that is read first."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from freehold.domain.runs.rules import check_key
from freehold.kit.problems import Invalid
from freehold.lifecycle.imports.budget import Budget
from freehold.lifecycle.imports.reading import batches_of
from freehold.lifecycle.imports.refusal import Refused
from freehold.lifecycle.imports.spool import BatchWriter, ContainerSpool, PreparedTable
from freehold.lifecycle.points import ENCODERS, point_schema
from freehold.lifecycle.readahead import read_ahead
from freehold.lifecycle.selection import public_key
from freehold.lifecycle.snapshot import owner_of
from freehold.records.catalogue import Record
from freehold.records.rules import MOMENTS, Decoded
from freehold.storage.metrics import MetricColumns

POINTS_IN_ROW = 1 << 16
"""So many points have at most as many keys, which is what a packed row can hold."""


class PointPacker:
    """Of the records that leave decoded, all but the first are for points that have just arrived."""

    def __init__(
        self, record: type[Record], files: Sequence[Path], owners: dict[tuple[Any, ...], int], budget: Budget
    ) -> None:
        self._record = record
        self._files = files
        self._owners = owners
        self._budget = budget
        self._link, self._target, self._owner = owner_of(record)
        export = record.rules.export
        assert isinstance(export, Decoded)
        self._table = export.into
        self._encode = ENCODERS[export.codec]
        self.points = 0

    def prepare(self, spool: ContainerSpool) -> PreparedTable:
        """Raises Refused."""
        name = str(self._record.table.name)
        file = f"{name}.rows"
        with closing(read_ahead(self._unpacked())) as unpacked, BatchWriter(spool.rows / file) as rows:
            for owner, columns in unpacked:
                self.points += len(columns.step)
                rows.add([len(columns.step), self._encode(columns), owner])
        links = {self._link.name: str(self._target.table.name)}
        return PreparedTable(name, file, ["count", "payload", self._link.name], links, [], rows.rows)

    def _unpacked(self) -> Iterator[tuple[int, MetricColumns]]:
        """(ordinal of the owner, points of a row). Each owner has its points in one place, as the exporter writes them:
        else every point could become a row."""
        seen: set[str | None] = set()
        for owner, pieces in groupby(self._pieces(), key=lambda piece: piece[0]):
            if owner in seen:
                raise Refused("BagWrongOrder", "The metric points of one run stand in several places.", self._table)
            seen.add(owner)
            number = self._row_of(owner)
            for columns in _joined(columns for _, columns in pieces):
                yield number, columns

    def _row_of(self, owner: str | None) -> int:
        assert len(public_key(self._target)) == 1
        number = self._owners.get((owner,))
        if number is None:
            raise Refused("BagLinkOutside", "Points belong to something that is not in the bag.", self._table)
        return number

    def _pieces(self) -> Iterator[tuple[str | None, MetricColumns]]:
        """(owner, points) as they follow each other: a piece for each owner of a batch."""
        schema = point_schema(self._owner)
        for file in self._files:
            batches = batches_of(file, schema, set(), self._table, self._budget, rows_at_once=POINTS_IN_ROW)
            for batch in batches:
                if batch.num_rows:
                    yield from self._split(batch)

    def _split(self, batch: pa.RecordBatch) -> Iterator[tuple[str | None, MetricColumns]]:
        if any(column.null_count for column in batch.columns):
            raise Refused("BagMissingValue", "A metric point lacks a value.", self._table)
        owner, key = batch.column(0), batch.column(1)
        names, keys = owner.dictionary.to_pylist(), key.dictionary.to_pylist()
        self._check_keys(keys)
        index = owner.indices.to_numpy(zero_copy_only=False)
        at = batch.column(3).cast(pa.int64())
        if pc.min(at).as_py() < MOMENTS.least or pc.max(at).as_py() > MOMENTS.most:
            raise Refused("BagWrongValue", "The moment of a metric point is out of range.", f"{self._table}.at")
        whole = [key.indices, batch.column(2), at, batch.column(4)]
        columns = [column.to_numpy(zero_copy_only=False) for column in whole]
        borders = [0, *(np.flatnonzero(index[1:] != index[:-1]) + 1).tolist(), len(index)]
        for start, end in pairwise(borders):
            part = [column[start:end] for column in columns]
            yield names[index[start]], _columns(keys, *part)

    def _check_keys(self, keys: list[str]) -> None:
        try:
            for key in keys:
                check_key("metric", key)
        except (Invalid, TypeError) as fault:
            raise Refused("BagWrongName", "The name of a metric is too long, or empty.", self._table) from fault


def _columns(keys: list[str], index: Any, step: Any, at: Any, value: Any) -> MetricColumns:
    """Only the keys that are used, in order of their names, as the order of the points is."""
    used, positions = np.unique(index, return_inverse=True)
    return MetricColumns([keys[number] for number in used], positions.astype(np.int64), step, at, value)


def _joined(parts: Iterator[MetricColumns]) -> Iterator[MetricColumns]:
    """Rows of POINTS_IN_ROW points, however the batches were cut."""
    held: list[MetricColumns] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part.step)
        while size >= POINTS_IN_ROW:
            whole = _merged(held)
            yield _packed(_cut(whole, 0, POINTS_IN_ROW))
            held = [_cut(whole, POINTS_IN_ROW, size)]
            size -= POINTS_IN_ROW
    if size:
        yield _packed(_merged(held))


def _merged(parts: list[MetricColumns]) -> MetricColumns:
    if len(parts) == 1:
        return parts[0]
    keys = sorted({key for part in parts for key in part.keys})
    place = {key: number for number, key in enumerate(keys)}
    index = np.concatenate([np.array([place[key] for key in part.keys], np.int64)[part.key_index] for part in parts])
    step, at, value = (np.concatenate([getattr(part, name) for part in parts]) for name in ("step", "at", "value"))
    return MetricColumns(keys, index, step, at, value)


def _cut(whole: MetricColumns, start: int, end: int) -> MetricColumns:
    keys, index, step, at, value = whole
    return MetricColumns(keys, index[start:end], step[start:end], at[start:end], value[start:end])


def _packed(columns: MetricColumns) -> MetricColumns:
    used, positions = np.unique(columns.key_index, return_inverse=True)
    keys = [columns.keys[number] for number in used]
    return MetricColumns(keys, positions.astype(np.uint16), columns.step, columns.at, columns.value)

"""Every document of a world, and every known field of it spoilt in every way."""

import copy
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from freehold.api.azure2018.documents import WRITERS as WRITERS_OF_2018
from freehold.api.azure2018.stored import SHAPES as OF_2018
from freehold.api.azure2020.documents import WRITERS as WRITERS_OF_2020
from freehold.api.azure2020.stored import SHAPES as OF_2020
from freehold.kit import nesting
from freehold.lifecycle.imports.document_checks import DocumentChecks
from freehold.lifecycle.imports.documents import OF_DOMAIN
from freehold.lifecycle.imports.refusal import Refused
from freehold.lifecycle.parting import TAGS
from freehold.lifecycle.selection import Selection, Target, key_of
from freehold.lifecycle.snapshot import RestWriter
from freehold.lifecycle.tables import export_table
from freehold.records.catalogue import Record, catalogue
from freehold.records.columns import Json, Text
from freehold.records.containers import Workspace
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

DEEP = json.loads("[" * (nesting.DEEPEST - 8) + "7" + "]" * (nesting.DEEPEST - 8))
"""About as deep as may be."""
WRONG: tuple[Any, ...] = (7, "text", None, [7], {"a": {"b": [7]}}, DEEP)
"""Stands in the place of a field."""
BLUNT = frozenset({"7", '{"a": {"b": [7]}}', json.dumps(DEEP)})
"""Of these the one or the other can be nothing that anybody could go on from."""
DEEPEST = 5
KIND = "kind"
_LEFT_OUT = object()
_WHOLE = Selection(Target(Scope.WORKSPACE, 0, (0,)))
Path = tuple[str | int, ...]


class Document(NamedTuple):
    """As it stands. `kind`: of its row, where its record has kinds; `key` is the row's own."""

    record: type[Record]
    column: str
    key: int
    kind: str
    text: str

    @property
    def of(self) -> str:
        return f"{self.record.table.name}.{self.column} {self.kind}".rstrip()


class Spoilt(NamedTuple):
    """`field`: of which noun, and where in it; `said`: what is there now."""

    document: Document
    field: str
    said: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.field} = {self.said}"


def documents(db: Transaction) -> Iterator[Document]:
    """All that a bag of a whole container could hold, but for its tags: they are asked with its name and place."""
    for record in _WHOLE.exported():
        kind = record.table.c.get(KIND, sa.literal(""))
        columns = (each for each in record.table.columns if isinstance(each.type, Json) and each.name != TAGS)
        for column in columns:
            text = sa.type_coerce(column, Text())
            found: Iterable[Any] = db.execute(sa.select(key_of(record.table), kind, text).where(column.is_not(None)))
            yield from (Document(record, column.name, key, word, said) for key, word, said in found)


def all_spoilt(found: Sequence[Document]) -> list[Spoilt]:
    """Each field of each noun in each way once, in whichever document has it and is spoilt least so far."""
    alike: dict[str, list[Spoilt]] = {}
    for each in itertools.chain.from_iterable(map(_spoilt, found)):
        alike.setdefault(each.where, []).append(each)
    times = dict.fromkeys(found, 0)
    chosen = []
    for some in alike.values():
        chosen.append(min(some, key=lambda each: times[each.document]))
        times[chosen[-1].document] += 1
    return chosen


def rounds(chosen: Sequence[Spoilt]) -> Iterator[list[Spoilt]]:
    """Of every document one at a time."""
    waiting: dict[Document, list[Spoilt]] = {}
    for each in chosen:
        waiting.setdefault(each.document, []).append(each)
    for some in itertools.zip_longest(*waiting.values()):
        yield [each for each in some if each is not None]


def is_refused(found: Spoilt) -> bool:
    """By an import that is given what the façades need, as the worker's is."""
    document = found.document
    try:
        _checks(str(document.record.table.name), document.column)([[found.text], [document.kind]], 0)
    except Refused as refused:
        return refused.code == "BagWrongValue"
    return False


def put(db: Transaction, texts: Mapping[Document, str]) -> None:
    """As an import that takes them does."""
    for found, text in texts.items():
        table = found.record.table
        values = {found.column: sa.type_coerce(sa.literal(text), Text())}
        db.execute(table.update().where(key_of(table) == found.key).values(values))


def write_rest(db: Transaction) -> int:
    """What exports of all containers write to `rest/`; how many documents that is."""
    places = db.execute(sa.select(Workspace.c.workspace_id)).scalars().all()
    writers: tuple[RestWriter, ...] = (*WRITERS_OF_2020, *WRITERS_OF_2018)
    return sum(
        bool(msgspec.json.encode(document))
        for place, writer in itertools.product(places, writers)
        for document in writer.documents(db, Target(Scope.WORKSPACE, place, (place,)))
    )


@cache
def _checks(record: str, column: str) -> DocumentChecks:
    return DocumentChecks(export_table(catalogue()[record], _WHOLE), [column, KIND], (OF_DOMAIN, OF_2020, OF_2018))


def _spoilt(document: Document) -> Iterator[Spoilt]:
    whole = json.loads(document.text)
    for path, value in itertools.product(_paths(whole, ()), (*WRONG, _LEFT_OUT)):
        changed = _with(whole, path, value)
        if changed != whole:
            said = "left out" if value is _LEFT_OUT else json.dumps(value)
            yield Spoilt(document, f"{document.of}: {'/'.join(map(str, path))}", said, json.dumps(changed))


def _paths(value: Any, path: Path) -> Iterator[Path]:
    """Of every field, and of the first item of every list."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for step, each in inner if len(path) < DEEPEST else ():
        yield from _paths(each, (*path, step))


def _with(whole: Any, path: Path, value: Any) -> Any:
    changed = place = copy.deepcopy(whole)
    for step in path[:-1]:
        place = place[step]
    if value is _LEFT_OUT:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed

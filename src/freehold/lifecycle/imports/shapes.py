"""What readers of a document need of it: of a column the fields that they open, as a struct.

Those that a reader cannot do without have no default, and what it only hands on is not named. Façades declare theirs
so, in the server too: nothing is imported here of what holds documents to them (document_checks.py).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

Data = dict[str, Any]
Shape = type[msgspec.Struct]


class OfKind(NamedTuple):
    """Of a record whose rows are of several kinds: the shape by the word in a column of the same row."""

    column: sa.Column[Any]
    shapes: Mapping[str, Shape]


Shapes = Mapping[sa.Column[Any], Shape | OfKind]

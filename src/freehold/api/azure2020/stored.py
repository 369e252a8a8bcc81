"""What this façade opens of the documents that it keeps. An import holds a bag to it, as a patch holds what it changes.

What only goes through to an answer is not named: clients may have written anything there.
"""

from typing import Any

import msgspec

from freehold.lifecycle.imports.shapes import Data, Shapes
from freehold.records.assets import Model
from freehold.records.serving import Image


class StoredModel(msgspec.Struct):
    datasets: list[Data] | None = None


class _Image(msgspec.Struct):
    assets: list[Any] | None = None


SHAPES: Shapes = {Model.c.document: StoredModel, Image.c.document: _Image}

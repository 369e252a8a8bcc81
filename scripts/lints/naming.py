"""allow-naming. Prevents: the room where everything is put that nobody gave a place.

A module is named for what it holds. Files called utils, helpers, common, base, manager or misc grow without
end, because anything could belong there.
"""

from collections.abc import Iterator

from scripts.lints.source import Fault, SourceFile

RULE = "naming"
_NOT_NAMES = {"util", "utils", "helper", "helpers", "common", "base", "manager", "managers", "misc", "impl"}


def check(file: SourceFile) -> Iterator[Fault]:
    parts = [*file.where.parts[:-1], file.where.stem]
    for word in (word for part in parts for word in part.split("_")):
        if word in _NOT_NAMES:
            yield Fault(RULE, file.where, 1, f"“{word}” names nothing: call the module after what it holds")

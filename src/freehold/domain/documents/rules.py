"""What documents may be called and carry."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from freehold.kit.numbers import whole_number
from freehold.kit.problems import Invalid

MOST_LABELS = 100
LONGEST_KEY = 512
LONGEST_VALUE = 5_000
LONGEST_NAME = 255
LONGEST_TEXT = 16_000
LONGEST_VERSION = 18
LARGEST_DOCUMENT = 3 << 20
"""Bytes as JSON, with room for what a report adds: an import takes no text of more than 4 MiB."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def check_name(what: str, name: str, *, most: int = LONGEST_NAME) -> None:
    """Names stand in addresses and ids (`name:version`): no slash, no colon, nothing to be escaped."""
    if not name or len(name) > most or not _NAME.fullmatch(name):
        message = (
            f"The name of a {what} has 1 to {most} letters, digits, '-', '_' or '.', and begins with a letter or digit."
        )
        raise Invalid("InvalidName", message, target="name")


def check_text(what: str, text: str | None, *, most: int = LONGEST_TEXT) -> None:
    if text is not None and len(text) > most:
        raise Invalid("TextTooLong", f"{what} may have at most {most} characters.", target=what)


def check_document(document: Any) -> None:
    """One request brings no more than a body has; what several leave in a document adds up."""
    if len(msgspec.json.encode(document)) > LARGEST_DOCUMENT:
        message = f"A document has at most {LARGEST_DOCUMENT} bytes as JSON; with this it would have more."
        raise Invalid("DocumentTooLarge", message)


def check_labels(kind: str, labels: Mapping[str, str]) -> None:
    if len(labels) > MOST_LABELS:
        raise Invalid("TooManyLabels", f"A document has at most {MOST_LABELS} of a {kind}'s kind.", target=kind)
    for key, value in labels.items():
        if not key or len(key) > LONGEST_KEY or len(value) > LONGEST_VALUE:
            message = f"A {kind}'s key has 1 to {LONGEST_KEY} characters, its value at most {LONGEST_VALUE}."
            raise Invalid("InvalidLabel", message, target=kind)


def without_nothing(values: Mapping[str, Any]) -> dict[str, Any]:
    """What was given: None stands for left out."""
    return {key: value for key, value in values.items() if value is not None}


def split_version(name: str) -> tuple[str, int | None]:
    """`digits:3` → name and version; any other name → itself and None."""
    stem, colon, text = name.rpartition(":")
    version = whole_number(text, most_digits=LONGEST_VERSION) if colon else None
    return (name, None) if version is None else (stem, version)

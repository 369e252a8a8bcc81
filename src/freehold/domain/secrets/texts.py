"""Secrets inside texts: JSON that a document keeps as a text, and signed addresses in the midst of words.

The dataflow of a dataset is such a text (azureml-core 1.61.0).
"""

import json
from typing import Any

import msgspec

from freehold.domain.secrets.addresses import without_signatures
from freehold.domain.secrets.rules import Parted, escaped, may_hold_secrets, part
from freehold.kit.nesting import DEEPEST

LABELS = frozenset({"tags", "properties", "parameters"})
"""What views call the words that people may choose freely."""


def part_with_texts(document: Any) -> Parted:
    """As `part`, and looks into texts: one that holds a secret is sealed whole, and its place keeps the rest of it.

    So whoever may have the secret gets the text to the letter, and everybody else one that can still be read.
    """
    parted = part(document)
    secrets = dict(parted.secrets)
    return Parted(_walk(parted.document, "", secrets, 0), secrets)


def without_secrets(document: Any) -> Any:
    """What of a document, or of a view of one, may leave. Labels are people's words: of them addresses are cut."""
    if isinstance(document, dict):
        is_clean = not may_hold_secrets(msgspec.json.encode(document).decode())
        return document if is_clean else part_with_texts(document).document
    if isinstance(document, str):
        return without_signatures(document)
    if isinstance(document, list):
        return [without_secrets(each) for each in document]
    if isinstance(document, tuple) and hasattr(document, "_fields"):
        changed = {
            name: (labels_without_secrets if name in LABELS else without_secrets)(getattr(document, name))
            for name in document._fields
        }
        return document._replace(**changed)  # type: ignore[attr-defined]  # a NamedTuple has it
    return document


def labels_without_secrets(labels: Any) -> Any:
    """Whatever people call a label of theirs, its value is no secret of a document's; an address in it may be one."""
    if isinstance(labels, str):
        return without_signatures(labels)
    if isinstance(labels, dict):
        return {name: labels_without_secrets(value) for name, value in labels.items()}
    return [labels_without_secrets(each) for each in labels] if isinstance(labels, list) else labels


def _walk(value: Any, pointer: str, secrets: dict[str, str], depth: int) -> Any:
    if depth > DEEPEST:
        return value
    if isinstance(value, dict):
        return {key: _walk(each, f"{pointer}/{escaped(key)}", secrets, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [_walk(each, f"{pointer}/{at}", secrets, depth + 1) for at, each in enumerate(value)]
    return _text(value, pointer, secrets) if isinstance(value, str) else value


def _text(text: str, pointer: str, secrets: dict[str, str]) -> str:
    clean = _without_secrets(text)
    if clean != text:
        secrets.setdefault(pointer, text)  # where `part` cut this text already, it has the whole of it
    return clean


def _without_secrets(text: str) -> str:
    try:
        parsed = _parsed(text)
        if parsed is None:
            return without_signatures(text)
        inner = part_with_texts(parsed)
        return json.dumps(inner.document) if inner.secrets else text
    except RecursionError:  # texts in texts, each of them deep: what cannot be looked through is sealed whole
        return "" if may_hold_secrets(text) else text


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text.lstrip()[:1] in {"{", "["} else None
    except ValueError:
        return None

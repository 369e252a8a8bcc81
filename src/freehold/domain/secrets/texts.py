"""Secrets inside texts: JSON that a document keeps as a text, and signed addresses in the midst of words.

The dataflow of a dataset is such a text (azureml-core 1.61.0).
"""

import json
import re
from typing import Any

from freehold.domain.secrets.rules import DEEPEST, Parted, escaped, part

_WORD = re.compile(r"[^\s\"'\\]+")
_SIGNATURE = re.compile(r"[?&;](?:sig|X-Amz-Signature|X-Goog-Signature|AWSAccessKeyId)=", re.IGNORECASE)
_QUERY = re.compile(r"[?&;]")


def part_with_texts(document: Any) -> Parted:
    """As `part`, and looks into texts: one that holds a secret is sealed whole, and its place keeps the rest of it.

    So whoever may have the secret gets the text to the letter, and everybody else one that can still be read.
    """
    parted = part(document)
    secrets = dict(parted.secrets)
    return Parted(_walk(parted.document, "", secrets, 0), secrets)


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
    parsed = _parsed(text)
    if parsed is None:
        return _WORD.sub(_unsigned, text) if "://" in text else text
    inner = part_with_texts(parsed)
    try:
        return json.dumps(inner.document) if inner.secrets else text
    except RecursionError:
        return ""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text.lstrip()[:1] in {"{", "["} else None
    except (ValueError, RecursionError):
        return None


def _unsigned(found: re.Match[str]) -> str:
    word = found.group()
    return _QUERY.split(word, maxsplit=1)[0] if "://" in word and _SIGNATURE.search(word) else word

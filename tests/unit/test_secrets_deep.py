"""Secrets are found however deep in a document they are."""

import json
from typing import Any

import pytest

from freehold.domain.secrets.rules import joined, part
from freehold.domain.secrets.texts import part_with_texts, without_secrets
from freehold.kit.nesting import DEEPEST

SECRET = "correct-horse"


def nested(inner: Any, levels: int) -> Any:
    for level in range(levels):
        inner = {"a": inner} if level % 2 else [inner]
    return inner


@pytest.mark.parametrize("levels", [1, 40, DEEPEST - 1])
def test_a_secret_is_found_as_deep_as_a_document_may_be(levels: int) -> None:
    document = nested({"password": SECRET}, levels)
    parted = part(document)
    assert list(parted.secrets.values()) == [SECRET]
    assert SECRET not in json.dumps(parted.document)
    assert joined(parted.document, parted.secrets) == document


@pytest.mark.parametrize("levels", [1, 40, DEEPEST - 2])
def test_a_secret_in_a_text_is_found_as_deep(levels: int) -> None:
    text = json.dumps(nested({"password": SECRET}, levels))
    document = nested(text, levels)
    parted = part_with_texts(document)
    assert list(parted.secrets.values()) == [text]
    assert SECRET not in json.dumps(parted.document)
    assert joined(parted.document, parted.secrets) == document


def test_texts_in_texts_that_are_too_deep_to_be_looked_through_do_not_leave() -> None:
    text = json.dumps({"password": SECRET})
    for _ in range(6):
        text = json.dumps(nested(text, DEEPEST - 1))
    assert SECRET in text
    assert SECRET not in json.dumps(without_secrets({"graph": text}))


def test_a_text_nested_without_end_leaves_only_if_nothing_in_it_looks_like_a_secret() -> None:
    start, end = "[" * 5_000, "]" * 5_000
    assert without_secrets({"graph": f'{start}{{"password": "{SECRET}"}}{end}'})["graph"] == ""
    assert without_secrets({"password": SECRET, "graph": f"{start}7{end}"})["graph"] == f"{start}7{end}"

"""What a dataset and its definitions may hold. Fields: azureml-core 1.61.0 (DatasetDto, DatasetDefinitionDto)."""

import json
import re
from collections.abc import Mapping
from typing import Any

from freehold.domain.secrets.rules import part
from freehold.kit.problems import Invalid

ACTIVE, DEPRECATED, ARCHIVED, PENDING = "active", "deprecated", "archived", "pending"
STATES = (ACTIVE, DEPRECATED, ARCHIVED, PENDING)
SAVED = "saved"
"""The state of a saved dataset: what a dataset is before it has a name. No client can set it, no list has it."""
LONGEST_NAME = 255
_SIGNED = re.compile(r"://[^\s\"'\\]*[?&](?:sig|X-Amz-Signature|AWSAccessKeyId)=", re.IGNORECASE)


def check_name(name: str) -> None:
    """Anything that fits into one part of an address. Raises Invalid."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or "/" in name or "\\" in name or name.isspace():
        message = f"The name of a dataset has 1 to {LONGEST_NAME} characters without slashes and control characters."
        raise Invalid("InvalidDatasetName", message, target="name")


def check_state(state: str) -> str:
    folded = state.lower()
    if folded not in STATES:
        raise Invalid("InvalidDatasetState", f"The state of a dataset is one of {', '.join(STATES)}.", target="state")
    return folded


def check_holds_no_secret(document: Mapping[str, Any]) -> None:
    """A definition is copied, exported and shown to every reader: what opens data belongs into a datastore.

    Raises Invalid for a signed address or a field that is named as secrets are, in the dataflow's text, too.
    """
    if part(dict(document)).secrets or any(_names_a_secret(text) for text in _texts(document)):
        message = (
            "The definition holds a credential or a signed address. Register a datastore with it, and refer to that"
            " datastore."
        )
        raise Invalid("SecretInDefinition", message)


def _names_a_secret(text: str) -> bool:
    if _SIGNED.search(text):
        return True
    try:
        parsed = json.loads(text) if text.lstrip()[:1] in {"{", "["} else None
    except (ValueError, RecursionError):
        return False
    return parsed is not None and bool(part(parsed).secrets)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _texts(each)]


def version_number(version: str) -> int | None:
    """None for what is no version, and for `latest`."""
    return int(version) if version.isascii() and version.isdigit() and len(version) <= 9 else None

"""What a dataset and its definitions may hold. Fields: azureml-core 1.61.0 (DatasetDto, DatasetDefinitionDto)."""

from collections.abc import Mapping
from typing import Any

from freehold.kit.numbers import whole_number
from freehold.kit.problems import Invalid

ACTIVE, DEPRECATED, ARCHIVED, PENDING = "active", "deprecated", "archived", "pending"
STATES = (ACTIVE, DEPRECATED, ARCHIVED, PENDING)
SAVED = "saved"
"""The state of a saved dataset: what a dataset is before it has a name. No client can set it, no list has it."""
LONGEST_NAME = 255


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


def kept_from(standing: Mapping[str, Any], opened: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, but a field that is sent back as it is shown without its secrets means the field with them.

    Both of what stands: `standing` without its secrets, `opened` with them.
    """
    return {
        name: opened[name] if name in opened and standing.get(name) == value else value for name, value in given.items()
    }


def version_number(version: str) -> int | None:
    """None for what is no version, and for `latest`."""
    return whole_number(version, most_digits=9)

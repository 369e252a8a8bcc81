"""What a workspace may be called and carry, and who may make, change or remove one."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from freehold.domain.access.actor import Action
from freehold.domain.access.kinds import FACTS, Kind
from freehold.domain.access.rules import ALLOWED, CONTRIBUTOR, OWNER
from freehold.kit.canonical import canonical_json
from freehold.kit.problems import Forbidden, Invalid

SEERS = tuple(role for role, actions in ALLOWED.items() if Action.READ in actions)
"""Roles that let their holder see a workspace."""
MAKERS = frozenset({OWNER, CONTRIBUTOR})
"""Azure's rule: a data scientist works in a workspace but neither makes, changes nor deletes it."""
SKUS: dict[Kind, dict[str, str]] = {
    Kind.WORKSPACE: {"basic": "Basic", "enterprise": "Enterprise", "standard": "Standard"},
    Kind.HOSTING_ACCOUNT: {"s1": "S1", "s2": "S2", "s3": "S3", "devtest": "DevTest"},
}
DEFAULT_SKU = {Kind.WORKSPACE: "Basic", Kind.HOSTING_ACCOUNT: "S1"}
MOST_TAGS = 50
LONGEST_TAG_KEY = 512
LONGEST_TAG_VALUE = 256
LONGEST_TEXT = 4_000
LARGEST_PROPERTIES = 64 << 10
_NAMES = {
    Kind.WORKSPACE: (
        re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,32}"),
        "2 to 33 letters, digits, '-' or '_' and begins with a letter or digit",
    ),
    Kind.CLUSTER: (
        re.compile(r"[A-Za-z][A-Za-z0-9_.()-]{0,88}[A-Za-z0-9]"),
        "2 to 90 letters, digits, '-', '_', '.' or parentheses, begins with a letter and ends with a letter or digit",
    ),
}
_OTHER_NAMES = (
    re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,49}"),
    "2 to 50 letters, digits, '-' or '_' and begins with a letter or digit",
)
"""2017's providers took 5 to 50 letters and digits. What was made there has such a name; more may be made here."""

_GROUP_NAME = re.compile(r"[A-Za-z0-9_.()-]{0,89}[A-Za-z0-9_()-]")
_LOCATION = re.compile(r"[A-Za-z0-9 -]{1,50}")


def check_name(kind: Kind, name: str) -> None:
    """A workspace has 2 to 33 characters: the clients of different years refuse 33 or 2 themselves."""
    pattern, says = _NAMES.get(kind, _OTHER_NAMES)
    if not pattern.fullmatch(name):
        message = f"The name of a {FACTS[kind].called} has {says}."
        raise Invalid("InvalidResourceName", message, target="name")


def check_group_name(name: str) -> None:
    if not _GROUP_NAME.fullmatch(name):
        says = "1 to 90 letters, digits, '-', '_', '.' or parentheses, and no '.' at its end"
        message = f"The name of a resource group has {says}."
        raise Invalid("InvalidResourceGroup", message, target="name")


def check_location(location: str) -> None:
    if not _LOCATION.fullmatch(location):
        message = "location is 1 to 50 letters, digits, spaces or '-', such as local."
        raise Invalid("LocationRequired", message, target="location")


def check_properties(properties: Mapping[str, Any]) -> None:
    try:
        size = len(canonical_json(dict(properties)))
    except ValueError as fault:
        message = (
            "The properties hold a number that not every JSON reader knows: NaN, infinite, or whole and beyond 2^53."
        )
        raise Invalid("InvalidProperty", message, target="properties") from fault
    if size > LARGEST_PROPERTIES:
        message = f"The properties may have at most {LARGEST_PROPERTIES} bytes as JSON."
        raise Invalid("InvalidProperty", message, target="properties")


def check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST_TAGS:
        raise Invalid("InvalidTags", f"A resource has at most {MOST_TAGS} tags; this has {len(tags)}.", target="tags")
    for key, value in tags.items():
        if not key or len(key) > LONGEST_TAG_KEY or len(value) > LONGEST_TAG_VALUE:
            message = f"A tag's key has 1 to {LONGEST_TAG_KEY} characters, its value at most {LONGEST_TAG_VALUE}."
            raise Invalid("InvalidTags", message, target="tags")


def check_text(name: str, text: str) -> None:
    if len(text) > LONGEST_TEXT:
        raise Invalid("InvalidProperty", f"{name} may have at most {LONGEST_TEXT} characters.", target=name)


def check_sku(kind: Kind, name: str) -> str:
    """The name in its one spelling."""
    served = SKUS.get(kind, {})
    known = served.get(name.lower())
    if known is None:
        message = f"The sku of a {FACTS[kind].called} is one of {', '.join(served.values()) or 'none'}."
        raise Invalid("InvalidSku", message, target="sku")
    return known


def may_make(roles: Iterable[str]) -> None:
    """Raises Forbidden."""
    if MAKERS.isdisjoint(roles):
        message = "You may see this but not make, change or delete it. Ask an owner for a role that may."
        raise Forbidden("AuthorizationFailed", message)

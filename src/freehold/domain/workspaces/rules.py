"""What a workspace may be called and carry, and who may make, change or remove one."""

import re
from collections.abc import Iterable, Mapping

from freehold.domain.access.actor import Action
from freehold.domain.access.rules import ALLOWED, CONTRIBUTOR, OWNER
from freehold.kit.problems import Forbidden, Invalid

SEERS = tuple(role for role, actions in ALLOWED.items() if Action.READ in actions)
"""Roles that let their holder see a workspace."""
MAKERS = frozenset({OWNER, CONTRIBUTOR})
"""Azure's rule: a data scientist works in a workspace but neither makes, changes nor deletes it."""
SKUS = {"basic": "Basic", "enterprise": "Enterprise", "standard": "Standard"}
MOST_TAGS = 50
LONGEST_TAG_KEY = 512
LONGEST_TAG_VALUE = 256
LONGEST_TEXT = 4_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,32}")


def check_name(name: str) -> None:
    """2 to 33 characters: the clients of different years refuse 33 or 2 themselves."""
    if not _NAME.fullmatch(name):
        message = "A workspace's name has 2 to 33 letters, digits, '-' or '_' and begins with a letter or digit."
        raise Invalid("InvalidResourceName", message, target="name")


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


def check_sku(name: str) -> str:
    """The name in its one spelling."""
    known = SKUS.get(name.lower())
    if known is None:
        raise Invalid("InvalidSku", f"A workspace's sku is one of {', '.join(SKUS.values())}.", target="sku")
    return known


def may_make(roles: Iterable[str]) -> None:
    """Raises Forbidden."""
    if MAKERS.isdisjoint(roles):
        message = "You may see this but not make, change or delete a workspace here. Ask an owner for a role that may."
        raise Forbidden("AuthorizationFailed", message)

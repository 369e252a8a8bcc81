"""What a retention policy may say. Pure decisions."""

from enum import IntEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from freehold.kit.clock import MICROSECONDS
from freehold.kit.problems import Invalid

FORMAT = 1
DAY = 24 * 3_600 * MICROSECONDS
Days = Annotated[int, Meta(ge=1, le=36_500)]


class Rule(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Picks runs: made more than so many days ago, and not among the last so many of their experiment. At least one
    of the two is said; where both are, both must hold."""

    older_than_days: Days | None = None
    keep_last: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class ExemptTag(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """A tag of a run, or of its experiment, that keeps it; with any value where none is said."""

    key: Annotated[str, Meta(min_length=1, max_length=250)]
    value: Annotated[str, Meta(max_length=8_000)] | None = None


class Policy(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """`restore_days`: for so long what MLflow's delete has set aside can be restored, then it is erased; without it,
    it stays until somebody erases or purges it. `rules`: any one suffices. A run goes with its child runs or not at
    all. Exempt are runs with an `exempt_tags`, runs that a registered model was made of and runs that have not ended,
    unless the policy takes those `_too`.
    """

    restore_days: Days | None = None
    rules: Annotated[list[Rule], Meta(max_length=20)] = []
    exempt_tags: Annotated[list[ExemptTag], Meta(max_length=100)] = []
    registered_too: bool = False
    unfinished_too: bool = False


class Verdict(IntEnum):
    """On a run with its child runs: the first that holds for any of them."""

    HELD = 1
    TAGGED = 2
    REGISTERED = 3
    UNFINISHED = 4
    DUE = 5
    WAITING = 6


EXEMPT = {
    Verdict.HELD: "a legal hold is in force on it",
    Verdict.TAGGED: "it or its experiment has an exempt tag",
    Verdict.REGISTERED: "a registered model was made of it",
    Verdict.UNFINISHED: "it has not ended",
    Verdict.WAITING: "it can be restored: its restore window is not over",
}


def check(policy: Policy) -> None:
    """Raises Invalid where it says nothing, or a rule does, or a tag is none that a run may have."""
    if policy.restore_days is None and not policy.rules:
        message = "A policy has a restore window or rules. To keep everything, clear the policy instead."
        raise Invalid("InvalidPolicy", message, target="rules")
    if any(rule.older_than_days is None and rule.keep_last is None for rule in policy.rules):
        raise Invalid("InvalidRule", "A rule says older_than_days, keep_last, or both.", target="rules")
    if any("\0" in text for tag in policy.exempt_tags for text in (tag.key, tag.value or "")):
        raise Invalid("InvalidText", "Text may not contain a NUL character. Remove it.", target="exempt_tags")


def describe(rule: Rule) -> str:
    """For people: `older than 90 days and not among the last 20 of its experiment`."""
    age = f"older than {rule.older_than_days} days" if rule.older_than_days else ""
    count = f"not among the last {rule.keep_last} of its experiment" if rule.keep_last else ""
    return " and ".join(filter(None, (age, count)))

"""What an experiment may be called."""

from freehold.kit.problems import Invalid

LONGEST_NAME = 500
LONGEST_TAG_KEY = 250
LONGEST_TAG_VALUE = 8_000


def check_name(name: str) -> None:
    if not name or not name.strip():
        raise Invalid("InvalidExperimentName", "An experiment needs a name.", target="name")
    if len(name) > LONGEST_NAME:
        message = f"An experiment's name may have at most {LONGEST_NAME} characters; this has {len(name)}."
        raise Invalid("InvalidExperimentName", message, target="name")
    if any(ord(c) < 32 for c in name):
        raise Invalid("InvalidExperimentName", "A name may not hold control characters.", target="name")


def check_tags(tags: dict[str, str]) -> None:
    for key, value in tags.items():
        if not key or len(key) > LONGEST_TAG_KEY:
            raise Invalid("InvalidTag", f"A tag's key has 1 to {LONGEST_TAG_KEY} characters.", target="tags")
        if len(value) > LONGEST_TAG_VALUE:
            message = f"A tag's value may have at most {LONGEST_TAG_VALUE} characters; {key[:40]!r} has {len(value)}."
            raise Invalid("InvalidTag", message, target="tags")

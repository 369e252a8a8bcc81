"""Query parameters that are true or false."""

from typing import Any

from freehold.api.entry import Call
from freehold.kit.problems import Invalid

FLAG: dict[str, Any] = {"type": "boolean", "default": False}


def flag(call: Call, name: str) -> bool:
    """False where it is left out. Raises Invalid for another word."""
    text = call.query.get(name, "false").lower()
    if text not in ("true", "false"):
        raise Invalid("InvalidFlag", f"{name} is true or false.", target=name)
    return text == "true"

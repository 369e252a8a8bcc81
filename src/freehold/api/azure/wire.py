"""What every shape of these façades is made of. No request is seen here: an export prints documents, too."""

import msgspec

from freehold.kit.clock import from_iso
from freehold.kit.problems import Invalid


class Wire(msgspec.Struct, rename="camel", kw_only=True):
    """A body: camelCase names, unknown ones ignored, everything may be left out."""


def read_moment(name: str, text: str | None) -> int | None:
    """Microseconds of an ISO 8601 time. Raises Invalid."""
    if not text:
        return None
    try:
        return from_iso(text.strip().replace("Z", "+00:00").replace("z", "+00:00"))
    except (ValueError, OverflowError):
        raise Invalid("InvalidTime", f"{name} is a time such as 2026-01-31T10:00:00Z.", target=name) from None

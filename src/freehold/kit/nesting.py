"""How deep JSON is nested. What walks through a document goes down by calls, and there is an end to those."""

import re

DEEPEST = 200
"""Readers take two or three calls a level, and Python has a thousand."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""A text without an end goes to the end of all: looked for anew from each quote in it, four megabytes took hours."""


def is_too_deep(text: str) -> bool:
    """Of valid JSON; of anything else it says one or the other, and as soon."""
    if text.count("{") + text.count("[") <= DEEPEST:
        return False
    depth = 0
    for found in _TOKEN.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth > DEEPEST:
                return True
        elif found[0] in "]}":
            depth -= 1
    return False

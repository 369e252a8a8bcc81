"""How deep JSON is nested. What walks through a document goes down by calls, and there is an end to those."""

import re

DEEPEST = 200
"""Readers take two or three calls a level, and Python has a thousand."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def is_too_deep(text: str) -> bool:
    """Of valid JSON."""
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

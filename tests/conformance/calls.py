"""The 78 published calls, as the pages print them: every placeholder, host and quirk."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

SOURCE = Path(__file__).parents[2] / "docs" / "calls" / "calls.json"
LOCATION = "eastus2"
_PLACE = re.compile(r"\{([^}]+)\}")


class PublishedCall(NamedTuple):
    number: int
    generation: int
    verb: str
    url: str

    def filled(self, parts: dict[str, str]) -> tuple[str, str]:
        """Host, and path with query, the placeholders filled in. What the page has behind the address stays."""
        filled = _PLACE.sub(lambda found: parts[found[1]], self.url.replace("{location}", LOCATION))
        split = urlsplit(filled)
        return split.netloc, filled.partition(split.netloc)[2]


def load() -> list[PublishedCall]:
    calls: list[dict[str, Any]] = json.loads(SOURCE.read_text(encoding="utf-8"))
    return [PublishedCall(call["n"], call["generation"], call["verb"], call["url"]) for call in calls]

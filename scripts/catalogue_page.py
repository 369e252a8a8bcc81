"""Writes what the catalogue decides of every record and every field, so that a change of a decision is seen.

    python -m scripts.catalogue_page [--check]

`--check` writes nothing and fails where the page is not what the records say.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import freehold.records  # noqa: F401  # fills the catalogue
from freehold.lifecycle.explain import explain_all, explain_places

PAGE = Path("docs/catalogue.md")
_HEAD = """# What is stored, and what becomes of it

Written from the records by `python -m scripts.catalogue_page`; `freehold catalogue` prints the same. Look at what
changes here in a commit: every line is a decision on whose content something is, how it leaves and how it dies.
"""
_PLACES = """## Files

What the data folder holds; objects may lie in a cloud's bucket instead, and the database in PostgreSQL.
"""


def main(arguments: list[str]) -> int:
    text = render()
    if "--check" not in arguments:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{PAGE} is stale: run `python -m scripts.catalogue_page` and look at every line that changes")
    return 1


def render() -> str:
    records = (line for record in explain_all() for line in _lines(record))
    return "\n".join([_HEAD, *records, _PLACES, *(_place(each) for each in explain_places()), ""])


def _place(place: dict[str, Any]) -> str:
    files = ", ".join(f"`{each}`" for each in place["files"])
    searched = "searched by every erasure" if place["is_searched"] else f"not searched: {place['because']}"
    return f"- **{place['place']}** ({files}): {place['holds']}; {searched}; forgotten: {place['forgotten']}"


def _lines(record: dict[str, Any]) -> Iterator[str]:
    yield f"## {record['record']}"
    yield f"container {record['container']}; {record['writes']}; kept: {record['retention']}  "
    yield f"export: {record['export']}  "
    yield f"erasure: {record['erasure']}"
    yield ""
    yield from (_line(field) for field in record["fields"])
    yield ""


def _line(field: dict[str, Any]) -> str:
    null = ", may be null" if field["null"] else ""
    of = f" ({field['personal']})" if field["personal"] else ""
    told = f"{field['what']}{of}" if not field["link"] else f"→ {field['link']}: {field['fate']}"
    because = f", because {field['because']}" if "because" in field else ""
    return f"- `{field['field']}` {field['type']}{null}: {told}{because}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

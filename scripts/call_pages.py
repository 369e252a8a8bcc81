"""Writes a page for every published call, and their index, from `docs/calls/calls.json` and the routes themselves.

    python -m scripts.call_pages [--check]

`--check` writes nothing and fails where a page is not what the routes say.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from freehold.api.routing import Anonymous, Facade, Route, SignedIn, SignedUrl, Within
from freehold.app import facades

FOLDER = Path("docs/calls")
SOURCE = FOLDER / "calls.json"
_RULES = {
    Anonymous: "anybody",
    SignedIn: "whoever is signed in; what one may not see is not found",
    SignedUrl: "whoever holds the signed address",
}


def main(arguments: list[str]) -> int:
    pages = {FOLDER / name: text for name, text in render().items()}
    if "--check" not in arguments:
        for path, text in pages.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    stale += sorted(set(FOLDER.glob("*.md")) - set(pages))
    for path in stale:
        print(f"{path} is stale: run `python -m scripts.call_pages`")
    return 1 if stale else 0


def render() -> dict[str, str]:
    """File name → its text."""
    calls: list[dict[str, Any]] = json.loads(SOURCE.read_text(encoding="utf-8"))
    pages = {_name(call): _page(call, *find(call)) for call in calls}
    return pages | {"README.md": _index(calls)}


def find(call: dict[str, Any]) -> tuple[Facade, Route]:
    """The route that answers a call as the page prints it. Raises LookupError."""
    path = address(call)
    for facade in facades():
        for route in facade.routes:
            fits = route.path == path if route.is_fixed else route.pattern.fullmatch(path)
            if route.method == call["verb"] and fits:
                return facade, route
    raise LookupError(f"call {call['n']}: nothing answers {call['verb']} {path}")


def address(call: dict[str, Any]) -> str:
    """The path of a call, with a word in each place that the page leaves open."""
    path: str = urlsplit(call["url"].replace("{", "").replace("}", "").strip()).path
    return path.rstrip()


def _page(call: dict[str, Any], facade: Facade, route: Route) -> str:
    answers = "\n".join(f"| {status} | {meaning} |" for status, meaning in call["answers"].items())
    differs = "\n".join(f"- {each}" for each in call["differs"])
    differs = differs or "Nothing: the address, the codes and the document are as the page and its clients have them."
    return f"""# Call {call["n"]}: {_title(call)}

As the page of {call["generation"]} prints it (section `{call["section"]}`):

    {call["verb"]} {call["url"]}

{route.summary}

| status | meaning |
|---|---|
{answers}

Answered by the façade `{facade.name}` at `{_shown(route)}`, for {_who(route)}.

## What differs, and why

{differs}
"""


def _index(calls: list[dict[str, Any]]) -> str:
    rows = "\n".join(
        f"| [{call['n']}]({_name(call)}) | {call['generation']} | {call['verb']} | `{_tail(call)}` |" for call in calls
    )
    return f"""# The published calls

Every call that the two pages on exporting and deleting workspace data print, what Freehold answers, and what differs.
Written by `python -m scripts.call_pages` from `calls.json` and the routes; the check fails when a page is stale.

| call | page of | verb | path below the subscription and group |
|---|---|---|---|
{rows}
"""


def _title(call: dict[str, Any]) -> str:
    return f"{call['verb']} {_tail(call)}"


def _tail(call: dict[str, Any]) -> str:
    """What is left of the path behind the resource group, which all calls share."""
    path = urlsplit(call["url"]).path
    head, _, tail = re.sub(r"/(?=resourcegroups?/)", "\0", path, flags=re.IGNORECASE).partition("\0")
    prefix = head.partition("/subscriptions/")[0]
    return (prefix + "/…/" + tail.split("/", 2)[2]).strip() if tail else path


def _shown(route: Route) -> str:
    return re.sub(r":\w+\}", "}", route.path)


def _who(route: Route) -> str:
    if isinstance(route.rule, Within):
        return f"whoever may {route.rule.action.value} there"
    return _RULES[type(route.rule)]


def _name(call: dict[str, Any]) -> str:
    return f"{call['n']:02}.md"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Pages: how many a client wants, and signed tokens of where the next page begins."""

from typing import Any

from freehold.api.entry import Call
from freehold.kit import page_tokens
from freehold.kit.problems import Invalid

DEFAULT_SIZE = 500
LARGEST_SIZE = 1_000


def page_size(asked: Any, *, default: int = DEFAULT_SIZE, largest: int = LARGEST_SIZE) -> int:
    """What is asked for, at most `largest`: a page may always be shorter. Raises Invalid for no whole number."""
    if asked is None or asked == "":
        return default
    try:
        size = int(asked)
    except (TypeError, ValueError):
        size = 0
    if size < 1:
        raise Invalid("InvalidTop", "The page size is a whole number from 1.", target="$top")
    return min(size, largest)


def give_token(call: Call, place: list[Any] | None, *question: Any) -> str | None:
    """A token for the page after `place`; it opens for the same actor, address and question only."""
    if place is None:
        return None
    return page_tokens.encode(call.services.keys.page_tokens.key, {"p": place}, bind=_bind(call, question))


def take_token(call: Call, token: str | None, *question: Any) -> list[Any] | None:
    """The place in a token of `give_token`; None without a token. Raises Invalid("InvalidPageToken")."""
    if not token:
        return None
    fields = page_tokens.decode(call.services.keys.page_tokens.key, token, bind=_bind(call, question))
    place: list[Any] = fields["p"]
    return place


def _bind(call: Call, question: tuple[Any, ...]) -> str:
    where = sorted(call.params.items())
    return repr((call.actor.person_id, call.route.path, where, question))

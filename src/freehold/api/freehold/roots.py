"""How a body names the root of what is exported, erased or held."""

from typing import TypeVar

from freehold.api.entry import decode
from freehold.kit.problems import Invalid
from freehold.records.rules import Scope

T = TypeVar("T")
SCOPES = (
    f"scope is one of: {', '.join(each.value for each in Scope)}. A project or an account is `workspace` at its own "
    "address: /freehold/v1, its ARM path, and the verb; a draft is `pipeline_draft`."
)


def decode_root(raw: bytes, shape: type[T]) -> T:
    """A body with a scope. Raises Invalid that says which there are."""
    try:
        return decode(raw, shape)
    except Invalid as fault:
        if "`$.scope`" in fault.message:
            raise Invalid(fault.code, f"{fault.message} {SCOPES}", target="scope") from None
        raise

"""What `freehold import` says of an import that failed: what its report found, else what the server said."""

from typing import Any

import pytest

from freehold.cli import imports
from freehold.cli.failure import Failure
from freehold.client import FreeholdError

NOTHING: dict[str, Any] = {"erased_count": 0, "erased": [], "taken_count": 0, "taken": []}
TAKEN = NOTHING | {"taken_count": 1, "taken": [{"record": "runs", "what": {"run_id": "first"}}]}


class Server:
    def __init__(self, report: dict[str, Any]) -> None:
        self.import_report = lambda _: report
        self.drop_import = lambda _: None


NAMED = NOTHING | {"taken_count": 1, "taken": [{"record": "experiments", "what": {"name": "digits"}}]}


@pytest.mark.parametrize(
    ("report", "new_ids", "said"),
    [
        (NOTHING, False, "The disk is full."),
        (
            TAKEN,
            False,
            "1 ids or names stand already: use --new-ids, or an empty workspace.\n  taken: runs run_id first",
        ),
        (
            NAMED,
            True,
            "1 names stand already, which --new-ids leaves as they are: use an empty workspace.\n"
            "  taken: experiments name digits",
        ),
    ],
)
def test_it_says_what_stood_in_the_way(
    monkeypatch: pytest.MonkeyPatch, report: dict[str, Any], new_ids: bool, said: str
) -> None:
    def watch(*_: object, **__: object) -> None:
        raise FreeholdError(507, "InsufficientStorage", "The disk is full.")

    monkeypatch.setattr(imports, "watch", watch)
    operation: Any = type("Operation", (), {"id": "1"})
    server: Any = Server(report)
    with pytest.raises(Failure) as failure:
        imports._wait(server, operation, quiet=True, new_ids=new_ids)
    assert str(failure.value) == said

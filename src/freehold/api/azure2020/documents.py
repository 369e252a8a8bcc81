"""The documents of this façade as an export writes them to `rest/`: one writer per noun, given by the worker.

Canonical: no host, no caller, no page. What names a person is null, as the bag's tables carry random member ids.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from freehold.api.azure.artifact_shapes import artifact_out
from freehold.api.azure.experiment_shapes import experiment_out
from freehold.api.azure.run_shapes import run_out
from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.access.queries import find_workspace_by_key
from freehold.domain.listing.service import roots_of
from freehold.domain.whole import service as whole
from freehold.domain.whole.queries import Bounds
from freehold.lifecycle.selection import Target
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

_PERSON = "the directory belongs to the server; members.parquet has a random id instead"
_VOLATILE = "it is made anew at every answer"


class Experiments:
    name = "experiments"
    withheld: Mapping[str, str] = {}

    def documents(self, db: Transaction, chosen: Target) -> Iterator[dict[str, Any]]:
        """`GET …/history/v1.0{WS}/experiments`, in order of creation."""
        for page in whole.experiments(db, _workspace(db, chosen), _bounds(chosen)):
            yield from map(experiment_out, page)


class Runs:
    name = "runs"
    withheld: Mapping[str, str] = {
        "createdBy": _PERSON,
        "userId": _PERSON,
        "token": _VOLATILE,
        "tokenExpiryTimeUtc": _VOLATILE,
    }

    def documents(self, db: Transaction, chosen: Target) -> Iterator[dict[str, Any]]:
        """`GET …/history/v1.0{WS}/experiments/{e}/runs`, in order of creation."""
        workspace = _workspace(db, chosen)
        for page in whole.runs(db, workspace, _bounds(chosen)):
            roots = roots_of(db, workspace, page)
            yield from (run_out(run, roots.get(run.row_id, run.run_id)) for run in page)


class Artifacts:
    name = "artifacts"
    withheld: Mapping[str, str] = {}

    def documents(self, db: Transaction, chosen: Target) -> Iterator[dict[str, Any]]:
        """`GET …/artifact/v2.0{WS}/artifacts/{origin}/{container}`, in order of creation."""
        for page in whole.artifacts(db, _workspace(db, chosen), _bounds(chosen)):
            yield from map(artifact_out, page)


WRITERS = (Experiments(), Runs(), Artifacts())


def _workspace(db: Transaction, chosen: Target) -> WorkspaceRef:
    found = find_workspace_by_key(db, chosen.workspace_id)
    assert found is not None, "the snapshot holds the workspace that it is taken of"
    return found


def _bounds(chosen: Target) -> Bounds:
    return (
        chosen.root_row if chosen.scope is Scope.EXPERIMENT else None,
        chosen.root_row if chosen.scope is Scope.RUN else None,
    )

"""What a draft says of where it came from, and of what became of it: each is a link, which goes with what it leads to.

Documents say none of it once more. On the wire (azureml-pipeline-core 1.6.0 and 1.62.0, PipelineDraftEntity) all are
ids; one that names nothing here is no fault, and is not kept.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from freehold.domain.documents import queries as documents
from freehold.domain.pipelines import queries
from freehold.domain.pipelines.queries import ORIGINS
from freehold.records.pipelines import PipelineDraft
from freehold.storage.transaction import Transaction


def part(
    db: Transaction, workspace_id: int, document: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, int | None]]:
    """The document without what it says of origins, and the columns that say it; those left out stay as they are."""
    kept = {name: value for name, value in document.items() if name not in ORIGINS}
    said = {name: document[name] for name in ORIGINS if document.get(name) is not None}
    links = {ORIGINS[name].link.name: queries.find_origin(db, workspace_id, name, its) for name, its in said.items()}
    return kept, links


def joined(row: sa.Row[Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with what the row of the draft says of origins."""
    return {**document, **{name: row._mapping[name] for name in ORIGINS if row._mapping[name] is not None}}


def link_origins(db: Transaction, workspace_id: int) -> None:
    """For drafts that came from an older release, whose documents said it."""
    for row_id, document in documents.saying(db, workspace_id, PipelineDraft, ORIGINS):
        kept, links = part(db, workspace_id, document)
        documents.change(db, workspace_id, PipelineDraft, row_id, {"document": kept, **links})

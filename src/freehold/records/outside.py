"""What lies outside and is only pointed to: computes, datastores, datasets. Erasing a row touches nothing there."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import (
    flag,
    integer,
    json,
    key,
    link,
    moment,
    plain,
    standing_unique,
    text,
    workspace,
)
from freehold.records.rules import (
    KEPT_UNTIL_ERASED,
    Container,
    LinkKind,
    Removed,
    Rows,
    Rules,
    Scope,
    Writes,
    alone,
)

_COMPUTE = Rules(Container.WORKSPACE, Rows(alone(Scope.COMPUTE)), Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)
_DATASTORE = Rules(Container.WORKSPACE, Rows(alone(Scope.DATASTORE)), Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)
_DATASET = Rules(Container.WORKSPACE, Rows(alone(Scope.DATASET)), Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)


class Compute(Record, table="computes", rules=_COMPUTE):
    """Where runs execute; Freehold runs none. `document`: the provider's properties without their secrets."""

    row_id = key()
    workspace_id = workspace()
    compute_id = text(plain())
    name = text(plain())
    name_folded = text(plain())
    compute_type = text(plain())
    state = text(plain())
    document = json(plain())
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    created_at = moment()
    updated_at = moment()
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("compute_id", "workspace_id")
        yield standing_unique("workspace_id", "name_folded")
        yield Index(None, "workspace_id", "created_at")


class Datastore(Record, table="datastores", rules=_DATASTORE):
    """A registered place where data lies. `document`: its sections without their secrets."""

    row_id = key()
    workspace_id = workspace()
    datastore_id = text(plain())
    name = text(plain())
    store_type = text(plain())
    is_default = flag()
    is_validated = flag()
    document = json(plain())
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    created_at = moment()
    updated_at = moment()
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("datastore_id", "workspace_id")
        yield standing_unique("workspace_id", "name")
        yield Index(None, "workspace_id", "created_at")


class Dataset(Record, table="datasets", rules=_DATASET):
    """A registered reference to data; the data itself lies in a datastore and is never touched."""

    row_id = key()
    workspace_id = workspace()
    dataset_id = text(plain())
    name = text(plain())
    dataset_type = text(plain(), null=True)
    state = text(plain())
    is_visible = flag()
    etag = text(plain())
    document = json(plain())
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    created_at = moment()
    updated_at = moment()
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("dataset_id", "workspace_id")
        yield standing_unique("workspace_id", "name")
        yield Index(None, "workspace_id", "created_at")


class DatasetDefinition(Record, table="dataset_definitions", rules=_DATASET):
    """One version of a dataset: where its data lies. `saved_row` is what it was saved as, which goes with the last
    version that was saved so; one that never became a version has a life of its own."""

    row_id = key()
    workspace_id = workspace()
    dataset_row = link("datasets", LinkKind.DEEP)
    saved_row = link("datasets", LinkKind.REFCOUNT, null=True, index=True)
    version = integer()
    etag = text(plain())
    document = json(plain())
    created_at = moment()
    updated_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("dataset_row", "version", "workspace_id")


class EarlierSavedDataset(Record, table="earlier_saved_datasets", rules=_DATASET):
    """What a version of a dataset was saved as before it was put again: it goes with the last dataset that is or was
    saved so."""

    row_id = key()
    workspace_id = workspace()
    dataset_row = link("datasets", LinkKind.DEEP)
    saved_row = link("datasets", LinkKind.REFCOUNT, null=True, index=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("dataset_row", "saved_row", "workspace_id")

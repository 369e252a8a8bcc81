"""What export and erasure themselves leave behind: leases, kept bags, certificates, the forget list."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import (
    blob,
    integer,
    json,
    key,
    link,
    moment,
    plain,
    text,
    workspace,
)
from freehold.records.rules import (
    KEPT_UNTIL_ERASED,
    Container,
    LinkKind,
    Removed,
    Retained,
    Retention,
    Rules,
    Withheld,
    Writes,
)

BEING_WRITTEN = LEASED, WRITING = "leased", "writing"
"""States of a kept bag under way: it has no files before what it will name has been noted."""


class ExportLease(
    Record,
    table="export_leases",
    rules=Rules(
        Container.WORKSPACE,
        Withheld(because="it only holds back the removal of rows that an export still reads"),
        Removed(),
        Writes.GROWING,
        Retention("until the export ends"),
    ),
):
    """While its operation has not ended, compaction marks its inputs dead instead of removing them, and no bytes that
    lost their owner are removed but by an erasure. No clock ends it: an export may take, or wait, as long as it likes.
    """

    row_id = key()
    workspace_id = workspace()
    operation_id = text(plain())

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("operation_id", "workspace_id")


class KeptBag(
    Record,
    table="kept_bags",
    rules=Rules(
        Container.WORKSPACE,
        Withheld(because="a bag does not hold the bags made before it"),
        Removed(),
        Writes.GROWING,
        Retention("until it is dropped, or seven days after the operation that made it has ended"),
    ),
):
    """An export that lies on this server, in `exports/<operation_id>`: a copy of what it covers.

    All links null: it covers the whole workspace. `parts` lists the finished files of an export under way.
    """

    row_id = key()
    workspace_id = workspace()
    experiment_row = link("experiments", LinkKind.COVERS, null=True, index=True)
    run_row = link("runs", LinkKind.COVERS, null=True, index=True)
    asset_row = link("assets", LinkKind.COVERS, null=True, index=True)
    model_row = link("models", LinkKind.COVERS, null=True, index=True)
    manifest_row = link("manifests", LinkKind.COVERS, null=True, index=True)
    image_row = link("images", LinkKind.COVERS, null=True, index=True)
    service_row = link("services", LinkKind.COVERS, null=True, index=True)
    compute_row = link("computes", LinkKind.COVERS, null=True, index=True)
    datastore_row = link("datastores", LinkKind.COVERS, null=True, index=True)
    dataset_row = link("datasets", LinkKind.COVERS, null=True, index=True)
    pipeline_object_row = link("pipeline_objects", LinkKind.COVERS, null=True, index=True)
    pipeline_draft_row = link("pipeline_drafts", LinkKind.COVERS, null=True, index=True)
    task_row = link("tasks", LinkKind.COVERS, null=True, index=True)
    notification_row = link("notifications", LinkKind.COVERS, null=True, index=True)
    operation_id = text(plain())
    state = text(plain())
    parts = json(plain())
    size = integer()
    snapshot_at = moment()
    expires_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("operation_id", "workspace_id")


class BagReference(
    Record,
    table="bag_references",
    rules=Rules(
        Container.WORKSPACE,
        Withheld(because="a bag does not hold the bags made before it"),
        Removed(),
        Writes.GROWING,
        Retention("as long as the kept bag"),
    ),
):
    """One thing that a kept bag names beside what it covers, as the bag's snapshot had it: a run's parent, the image of
    a service. Nothing may refer to it any more; the bag goes with it all the same."""

    row_id = key()
    workspace_id = workspace()
    operation_id = text(plain())
    run_row = link("runs", LinkKind.COVERS, null=True, index=True)
    asset_row = link("assets", LinkKind.COVERS, null=True, index=True)
    model_row = link("models", LinkKind.COVERS, null=True, index=True)
    manifest_row = link("manifests", LinkKind.COVERS, null=True, index=True)
    image_row = link("images", LinkKind.COVERS, null=True, index=True)
    dataset_row = link("datasets", LinkKind.COVERS, null=True, index=True)
    pipeline_object_row = link("pipeline_objects", LinkKind.COVERS, null=True, index=True)
    pipeline_draft_row = link("pipeline_drafts", LinkKind.COVERS, null=True, index=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield Index(None, "operation_id")


class Certificate(
    Record,
    table="certificates",
    rules=Rules(
        Container.SERVER,
        Withheld(because="the certificate of an export lies in its bag; others are public by their id"),
        Retained(
            because="it proves what was done; it holds counts, digests and random ids, no name",
            basis="accountability (GDPR Art. 5(2))",
        ),
        Writes.GROWING,
        KEPT_UNTIL_ERASED,
    ),
):
    """A signed statement (JWS, Ed25519) about an export or an erasure."""

    row_id = key()
    certificate_id = text(plain())
    operation_id = text(plain())
    kind = text(plain())
    jws = text(plain())
    created_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("certificate_id")
        yield Index(None, "operation_id")


class ForgottenId(
    Record,
    table="forgotten_ids",
    rules=Rules(
        Container.SERVER,
        Withheld(because="keyed digests mean nothing without this server's key"),
        Retained(
            because="without it a retry, a late upload or a restored backup would bring back what was erased",
            basis="legal obligation to keep it erased (GDPR Art. 17)",
        ),
        Writes.GROWING,
        Retention("until its expiry, then removed"),
    ),
):
    """HMAC(key, kind ‖ container ‖ id) of an id that was erased. A hit reads as 404."""

    row_id = key()
    digest = blob(plain())
    key_id = text(plain())
    created_at = moment()
    expires_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("digest")


class Hold(
    Record,
    table="holds",
    rules=Rules(
        Container.WORKSPACE,
        Withheld(because="a hold binds this server's operator, not whoever reads the bag"),
        Removed(),
        Writes.GROWING,
        KEPT_UNTIL_ERASED,
    ),
):
    """A legal hold on one thing and all below it; on the whole workspace where all links are null.

    While `lifted_at` is null nothing that it covers can be erased, whatever scope the erasure has.
    """

    row_id = key()
    workspace_id = workspace()
    hold_id = text(plain())
    reason = text(plain())
    experiment_row = link("experiments", LinkKind.HOLDS, null=True, index=True)
    run_row = link("runs", LinkKind.HOLDS, null=True, index=True)
    model_row = link("models", LinkKind.HOLDS, null=True, index=True)
    dataset_row = link("datasets", LinkKind.HOLDS, null=True, index=True)
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    created_at = moment()
    lifted_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("hold_id", "workspace_id")

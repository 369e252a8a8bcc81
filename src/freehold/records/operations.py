"""Operations: long work that the user can watch. They name their target by a random id only."""

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


class Operation(
    Record,
    table="operations",
    rules=Rules(
        Container.SERVER,
        Withheld(because="it describes what this server did, not the content"),
        Retained(
            because="it holds counts and a random target id, no name and no content",
            basis="accountability (GDPR Art. 5(2))",
        ),
        Writes.GROWING,
        KEPT_UNTIL_ERASED,
    ),
):
    """`kind`: export, erase, compact …. `fence` counts finished steps; a step that is behind it does nothing.

    `options`, `progress` and `result` hold settings, counts and random ids, never names or content.
    """

    row_id = key()
    operation_id = text(plain())
    target_id = text(plain())
    kind = text(plain())
    scope = text(plain())
    state = text(plain())
    step = text(plain())
    fence = integer()
    options = json(plain())
    progress = json(plain())
    result = json(plain(), null=True)
    error_code = text(plain(), null=True)
    error_message = text(plain(), null=True)
    requested_by = link("persons", LinkKind.SHALLOW, null=True, index=True)
    created_at = moment()
    updated_at = moment()
    ended_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("operation_id")
        yield Index(None, "state")


class OperationTarget(
    Record,
    table="operation_targets",
    rules=Rules(
        Container.WORKSPACE,
        Withheld(because="it maps this server's operations to rows and means nothing elsewhere"),
        Removed(),
        Writes.GROWING,
        KEPT_UNTIL_ERASED,
    ),
):
    """One of the things that a random `target_id` stands for: the root of `scope`, by the one link that is set.

    It goes with the thing itself; then nothing can tell any more.
    """

    row_id = key()
    workspace_id = workspace()
    target_id = text(plain())
    scope = text(plain())
    experiment_row = link("experiments", LinkKind.DEEP, null=True, index=True)
    run_row = link("runs", LinkKind.DEEP, null=True, index=True)
    asset_row = link("assets", LinkKind.DEEP, null=True, index=True)
    model_row = link("models", LinkKind.DEEP, null=True, index=True)
    manifest_row = link("manifests", LinkKind.DEEP, null=True, index=True)
    image_row = link("images", LinkKind.DEEP, null=True, index=True)
    service_row = link("services", LinkKind.DEEP, null=True, index=True)
    compute_row = link("computes", LinkKind.DEEP, null=True, index=True)
    datastore_row = link("datastores", LinkKind.DEEP, null=True, index=True)
    dataset_row = link("datasets", LinkKind.DEEP, null=True, index=True)
    pipeline_object_row = link("pipeline_objects", LinkKind.DEEP, null=True, index=True)
    pipeline_draft_row = link("pipeline_drafts", LinkKind.DEEP, null=True, index=True)
    task_row = link("tasks", LinkKind.DEEP, null=True, index=True)
    notification_row = link("notifications", LinkKind.DEEP, null=True, index=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield Index(None, "target_id")


class IdempotencyKey(
    Record,
    table="idempotency_keys",
    rules=Rules(
        Container.SERVER,
        Withheld(because="it only serves to answer a repeated request alike"),
        Removed(),
        Writes.GROWING,
        Retention("24 hours"),
    ),
):
    """A digest of the key and of the request that came with it, and the operation that answered it."""

    row_id = key()
    person_row = link("persons", LinkKind.DEEP, index=True)
    key_digest = blob(plain())
    request_digest = blob(plain())
    operation_id = text(plain())
    expires_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("person_row", "key_digest")

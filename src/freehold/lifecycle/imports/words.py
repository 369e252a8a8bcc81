"""What the domain lets stand in a text, asked again of every bag: words of a list, names, what goes into a header."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import sqlalchemy as sa

from freehold.domain.access.kinds import Kind
from freehold.domain.computes import rules as computes
from freehold.domain.datasets import rules as datasets
from freehold.domain.datastores import rules as datastores
from freehold.domain.documents.queries import PROPERTY, TAG
from freehold.domain.documents.rules import check_name
from freehold.domain.experiments import rules as experiments
from freehold.domain.images import rules as images
from freehold.domain.notifications import rules as notifications
from freehold.domain.pipelines import rules as pipelines
from freehold.domain.runs import rules as runs
from freehold.domain.services import rules as services
from freehold.kit.problems import Invalid
from freehold.operations.model import State
from freehold.records.artifacts import Artifact
from freehold.records.assets import AssetFile, Label, Model
from freehold.records.containers import Workspace
from freehold.records.experiments import Experiment
from freehold.records.notifications import Notification, Task
from freehold.records.outside import Compute, Dataset, DatasetDefinition, Datastore
from freehold.records.pipelines import PipelineObject
from freehold.records.runs import Run
from freehold.records.serving import Image, Manifest, Service

Check = Callable[[str], Any]
"""Raises Invalid, whose message says what was expected."""
LEVELS = (notifications.INFORMATION, notifications.WARNING, notifications.ERROR)
TASK_TYPES = (notifications.RUN, notifications.OPERATION, notifications.SERVICE)


def _one_of(words: Collection[str]) -> Check:
    def check(value: str) -> None:
        if value not in words:
            raise Invalid("InvalidWord", f"It is one of {', '.join(sorted(words))}.")

    return check


def _in_a_line(value: str) -> None:
    if any(char < " " or char == "\x7f" for char in value):
        raise Invalid("InvalidText", "It has no control characters.")


def _in_a_header(value: str) -> None:
    """Bytes that HTTP carries (RFC 9110, section 5.5), read as Latin-1."""
    if any(not (char == "\t" or " " <= char <= "~" or "\x80" <= char <= "\xff") for char in value):
        raise Invalid("InvalidText", "It is what a header of HTTP can carry: no line end, nothing beyond Latin-1.")


CHECKS: dict[sa.Column[Any], Check] = {
    Workspace.c.kind: _one_of([*Kind]),
    Workspace.c.location: _in_a_line,
    Experiment.c.name: experiments.check_name,
    Run.c.run_id: runs.check_run_id,
    Run.c.name: runs.check_name,
    Run.c.status: _one_of(runs.STATUSES),
    Artifact.c.content_type: _in_a_header,
    Artifact.c.etag: _in_a_header,
    AssetFile.c.content_type: _in_a_header,
    Model.c.name: partial(check_name, "model"),
    Label.c.kind: _one_of((TAG, PROPERTY)),
    Manifest.c.name: partial(check_name, "manifest"),
    Image.c.name: partial(check_name, "image"),
    Image.c.state: _one_of(images.MOVES),
    Service.c.name: partial(check_name, "service"),
    Service.c.state: _one_of(services.MOVES),
    Service.c.compute_type: _one_of(services.COMPUTE_TYPES),
    Compute.c.name: partial(check_name, "compute"),
    Compute.c.state: _one_of(computes.MOVES),
    Compute.c.compute_type: _one_of(computes.TYPES),
    Datastore.c.name: partial(check_name, "datastore"),
    Datastore.c.store_type: _one_of(datastores.TYPES),
    Dataset.c.name: _in_a_line,
    Dataset.c.etag: _in_a_header,
    Dataset.c.state: _one_of((*datasets.STATES, datasets.SAVED)),
    DatasetDefinition.c.etag: _in_a_header,
    PipelineObject.c.kind: _one_of(pipelines.CALLED),
    PipelineObject.c.status: _one_of(pipelines.STATUSES),
    Task.c.task_type: _one_of(TASK_TYPES),
    Task.c.status: _one_of({*runs.STATUSES, *services.MOVES, *map(str, State)}),
    Notification.c.level: _one_of(LEVELS),
    Notification.c.message: _one_of(notifications.MESSAGES),
}
LINKED: dict[sa.Column[Any], tuple[sa.Column[Any], Collection[str]]] = {
    PipelineObject.c.graph_row: (PipelineObject.c.kind, pipelines.DRAWN),
}
"""Links that rows of some kinds cannot be without: which column says the kind, and which."""

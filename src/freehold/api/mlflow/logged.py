"""What a training run logs: metrics, parameters, tags. The hot path of the server."""

from operator import attrgetter

import msgspec
from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.mlflow import shapes, words
from freehold.api.mlflow.door import EMPTY, named, read_body, route
from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.metrics.service import METRICS, MetricBatch, add_batch, prepare, prepare_columns
from freehold.domain.runs import service
from freehold.domain.runs.rules import NAME_TAG
from freehold.kit.problems import Invalid, NotFound
from freehold.storage.metrics import PACKED_FROM, MetricColumns, Point
from freehold.storage.transaction import Transaction

MOST_METRICS, MOST_PARAMS, MOST_TAGS, MOST_ENTRIES = 1_000, 100, 100, 1_000

_KEY, _STEP, _TIMESTAMP, _VALUE = (attrgetter(name) for name in ("key", "step", "timestamp", "value"))
_METRIC = msgspec.json.Decoder(shapes.LogMetric)
_PARAM = msgspec.json.Decoder(shapes.LogParam)
_SET_TAG = msgspec.json.Decoder(shapes.SetTag)
_DELETE_TAG = msgspec.json.Decoder(shapes.DeleteTag)
_BATCH = msgspec.json.Decoder(shapes.LogBatch)


@route("POST", "/mlflow/runs/log-metric", Action.WRITE)
async def log_metric(call: Call) -> Response:
    """Log one point of a metric."""
    body = await read_body(call, _METRIC)
    words.check_entry_name(body.key, "key")
    await _append(call, named(body.run_id or body.run_uuid, "run_id"), prepare([_point(body)]))
    return EMPTY


@route("POST", "/mlflow/runs/log-batch", Action.WRITE)
async def log_batch(call: Call) -> Response:
    """Log metrics, parameters and tags: all of them or none."""
    body = await read_body(call, _BATCH)
    run_id = named(body.run_id, "run_id")
    _check_sizes(body)
    metrics = _batch(body.metrics) if body.metrics else None
    if body.params or body.tags:
        params, tags = _parameters(body.params), words.entries(body.tags, "tags")

        def log(db: Transaction) -> None:
            if params:
                service.log_parameters(db, call.workspace, run_id, params)
            _set_tags(db, call.actor, call.workspace, run_id, tags)
            if metrics:
                add_batch(db, call.workspace, run_id, metrics)

        await call.services.database.write(log)
    elif metrics:
        await _append(call, run_id, metrics)
    else:
        await call.services.database.read(lambda db: service.open_run(db, call.workspace, run_id))
    return EMPTY


@route("POST", "/mlflow/runs/log-parameter", Action.WRITE)
async def log_parameter(call: Call) -> Response:
    """Log one parameter, once and for all."""
    body = await read_body(call, _PARAM)
    run_id = named(body.run_id or body.run_uuid, "run_id")
    params = _parameters([shapes.TagIn(body.key, body.value)])
    await call.services.database.write(lambda db: service.log_parameters(db, call.workspace, run_id, params))
    return EMPTY


@route("POST", "/mlflow/runs/set-tag", Action.WRITE)
async def set_tag(call: Call) -> Response:
    """Set one tag."""
    body = await read_body(call, _SET_TAG)
    run_id = named(body.run_id or body.run_uuid, "run_id")
    tags = words.entries([shapes.TagIn(body.key, body.value)], "key")
    await call.services.database.write(lambda db: _set_tags(db, call.actor, call.workspace, run_id, tags))
    return EMPTY


@route("POST", "/mlflow/runs/delete-tag", Action.WRITE)
async def delete_tag(call: Call) -> Response:
    """Remove one tag."""
    body = await read_body(call, _DELETE_TAG)
    run_id = named(body.run_id or body.run_uuid, "run_id")

    def remove(db: Transaction) -> None:
        if not service.remove_tags(db, call.workspace, run_id, [named(body.key, "key")]):
            raise NotFound("TagNotFound", "The run has no tag of this key.", target="key")

    await call.services.database.write(remove)
    return EMPTY


async def _append(call: Call, run_id: str, metrics: MetricBatch) -> None:
    await call.services.database.append(METRICS, (call.workspace.workspace_id, run_id), metrics)


def _batch(metrics: list[shapes.MetricIn]) -> MetricBatch:
    keys = list(map(_KEY, metrics))
    for key in dict.fromkeys(keys):
        words.check_entry_name(key, "metrics")
    if len(metrics) < PACKED_FROM:
        return prepare([_point(metric) for metric in metrics])
    try:
        return prepare_columns(_columns(keys, metrics))
    except (ValueError, OverflowError):
        return prepare([_point(metric) for metric in metrics])  # one by one, to tell which is wrong


def _columns(keys: list[str], metrics: list[shapes.MetricIn]) -> MetricColumns:
    """Raises ValueError or OverflowError for what does not fit."""
    import numpy as np  # late: a server that gets no batches never needs it

    position = {key: at for at, key in enumerate(dict.fromkeys(keys))}
    at = np.array(list(map(_TIMESTAMP, metrics)), np.int64)
    if at.min() < 0 or at.max() > words.LATEST:
        raise ValueError("a time is out of range")
    return MetricColumns(
        list(position),
        np.array(list(map(position.__getitem__, keys)), np.uint16),
        np.array(list(map(_STEP, metrics)), np.int64),
        at * words.MILLISECOND,
        np.array(list(map(_VALUE, metrics)), np.float64),
    )


def _point(metric: shapes.MetricIn | shapes.LogMetric) -> Point:
    return Point(
        metric.key,
        words.to_int(metric.step, "step"),
        words.to_microseconds(metric.timestamp, "timestamp"),
        words.to_double(metric.value, "value"),
    )


def _parameters(params: list[shapes.TagIn]) -> list[tuple[str, str]]:
    for param in params:
        words.check_entry_name(param.key, "params")
    return [(param.key, param.value) for param in params]


def _set_tags(db: Transaction, actor: Actor, workspace: WorkspaceRef, run_id: str, tags: dict[str, str]) -> None:
    """The tag that repeats the run's name is the name."""
    if NAME_TAG in tags:
        service.change_run(db, workspace, run_id, {"name": tags[NAME_TAG]})
    others = {key: value for key, value in tags.items() if key != NAME_TAG}
    if others:
        service.set_tags(db, actor, workspace, run_id, others)


def _check_sizes(body: shapes.LogBatch) -> None:
    sizes = {"metrics": len(body.metrics), "params": len(body.params), "tags": len(body.tags)}
    limits = {"metrics": MOST_METRICS, "params": MOST_PARAMS, "tags": MOST_TAGS}
    for name, size in [*sizes.items(), ("entries together", sum(sizes.values()))]:
        limit = limits.get(name, MOST_ENTRIES)
        if size > limit:
            message = f"A batch can contain at most {limit} {name}; this has {size}. Send it in parts."
            raise Invalid("BatchTooLarge", message, target=name)

"""Experiments, runs and metrics as MLflow prints them."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from freehold.api.addresses import own_base
from freehold.api.entry import Call
from freehold.api.mlflow import words
from freehold.api.mlflow.shapes import (
    ExperimentOut,
    MetricOut,
    RunDataOut,
    RunInfoOut,
    RunOut,
    TagOut,
    spell,
    spell_all,
)
from freehold.domain.experiments.service import ExperimentView
from freehold.domain.metrics.service import History
from freehold.domain.runs.rules import NAME_TAG
from freehold.domain.runs.views import RunView

AZURE_PLUGIN = "azureml-mlflow/"
STORE = "mlflow-artifacts:"
"""Clients resolve this scheme against their tracking address: api/mlflow/store.py answers."""


def experiment_out(experiment: ExperimentView) -> ExperimentOut:
    return ExperimentOut(
        experiment.experiment_id,
        experiment.name,
        f"{STORE}/{experiment.experiment_id}",
        words.stage(experiment.archived_at is not None),
        words.to_milliseconds(experiment.updated_at),
        words.to_milliseconds(experiment.created_at),
        tags_out(experiment.tags),
    )


def run_out(call: Call, run: RunView, latest: Sequence[Any], *, set_aside: bool) -> RunOut:
    """`latest`: rows (key, value, step, logged_at). `set_aside`: by itself or with its experiment."""
    tags = run.tags | {NAME_TAG: run.name} if run.name else run.tags
    data = RunDataOut([_latest_out(row) for row in latest], tags_out(run.parameters), tags_out(tags))
    return RunOut(run_info_out(call, run, set_aside=set_aside), data)


def run_info_out(call: Call, run: RunView, *, set_aside: bool) -> RunInfoOut:
    started_at = run.created_at if run.started_at is None else run.started_at
    return RunInfoOut(
        run.run_id,
        run.run_id,
        run.name,
        run.experiment_id,
        run.alias or (run.author.name if run.author else ""),
        words.mlflow_status(run.status),
        words.to_milliseconds(started_at),
        artifact_uri(call, run.experiment_id, run.run_id),
        words.stage(set_aside),
        None if run.ended_at is None else words.to_milliseconds(run.ended_at),
    )


def artifact_uri(call: Call, experiment_id: str, run_id: str) -> str:
    """Azure ML's plugin for MLflow reads the workspace and the run out of this address (azureml-mlflow 1.62.0)."""
    if "workspace" in call.params and AZURE_PLUGIN in call.request.headers.get("user-agent", ""):
        host = own_base(call).partition("://")[2]
        return f"azureml://{host}/mlflow/v2.0{call.workspace.path}/experiments/{experiment_id}/runs/{run_id}/artifacts"
    return f"{STORE}/{experiment_id}/{run_id}/artifacts"


def tags_out(entries: dict[str, str]) -> list[TagOut]:
    return [TagOut(key, value) for key, value in entries.items()]


def history_out(key: str, history: History) -> Iterable[MetricOut]:
    moments = map(words.to_milliseconds, history.at)
    return (
        MetricOut(key, value, at, step)
        for value, at, step in zip(spell_all(history.value), moments, history.step, strict=True)
    )


def history_answer(key: str, blocks: Iterable[History], token: str | None) -> bytes:
    """{"metrics": [MetricOut …], "next_page_token": …}; what is empty is left out.

    Printed block by block, so that the points of a long history never stand as objects together.
    """
    printed = b",".join(msgspec.json.encode(list(history_out(key, block)))[1:-1] for block in blocks)
    if not printed:
        return b"{}"
    tail = b"" if token is None else b',"next_page_token":' + msgspec.json.encode(token)
    return b'{"metrics":[' + printed + b"]" + tail + b"}"


def _latest_out(row: Any) -> MetricOut:
    return MetricOut(row.key, spell(row.value), words.to_milliseconds(row.logged_at), row.step)

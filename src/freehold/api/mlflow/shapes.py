"""What MLflow clients send and read. Source: the protos of MLflow 3.17.2 and the requests of its client.

Times are int milliseconds UTC. Doubles follow proto3 JSON: NaN and infinities are "NaN", "Infinity"
and "-Infinity"; a number may also come as a string. Unknown fields are ignored, as MLflow's server does.
`run_uuid` is the old name of `run_id`; clients send and read both.
"""

import math
from collections.abc import Iterable

import msgspec

Double = float | str
Long = int | str


class TagIn(msgspec.Struct):
    key: str
    value: str = ""


class MetricIn(msgspec.Struct, gc=False):
    key: str
    value: Double
    timestamp: Long
    step: Long = 0


class CreateExperiment(msgspec.Struct):
    name: str
    artifact_location: str = ""
    tags: list[TagIn] = []


class ExperimentTarget(msgspec.Struct):
    """Body of experiments/delete and experiments/restore."""

    experiment_id: str


class UpdateExperiment(msgspec.Struct):
    experiment_id: str
    new_name: str | None = None


class SetExperimentTag(msgspec.Struct):
    experiment_id: str
    key: str
    value: str = ""


class DeleteExperimentTag(msgspec.Struct):
    experiment_id: str
    key: str


class SearchExperiments(msgspec.Struct):
    max_results: Long | None = None
    page_token: str | None = None
    filter: str | None = None
    order_by: list[str] = []
    view_type: str = "ACTIVE_ONLY"


class CreateRun(msgspec.Struct):
    experiment_id: str
    user_id: str = ""
    run_name: str = ""
    start_time: Long | None = None
    tags: list[TagIn] = []


class UpdateRun(msgspec.Struct):
    run_id: str = ""
    run_uuid: str = ""
    status: str | None = None
    end_time: Long | None = None
    run_name: str | None = None


class RunTarget(msgspec.Struct):
    """Body of runs/delete and runs/restore."""

    run_id: str = ""
    run_uuid: str = ""


class SearchRuns(msgspec.Struct):
    experiment_ids: list[str] = []
    filter: str | None = None
    run_view_type: str = "ACTIVE_ONLY"
    max_results: Long = 1000
    order_by: list[str] = []
    page_token: str | None = None


class LogMetric(msgspec.Struct, gc=False):
    key: str
    value: Double
    timestamp: Long
    step: Long = 0
    run_id: str = ""
    run_uuid: str = ""


class LogParam(msgspec.Struct):
    key: str
    value: str
    run_id: str = ""
    run_uuid: str = ""


class SetTag(msgspec.Struct):
    key: str
    value: str = ""
    run_id: str = ""
    run_uuid: str = ""


class DeleteTag(msgspec.Struct):
    key: str
    run_id: str = ""
    run_uuid: str = ""


class LogBatch(msgspec.Struct):
    run_id: str = ""
    metrics: list[MetricIn] = []
    params: list[TagIn] = []
    tags: list[TagIn] = []


class TagOut(msgspec.Struct):
    """A tag or a parameter."""

    key: str
    value: str


class MetricOut(msgspec.Struct, gc=False):
    key: str
    value: Double
    timestamp: int
    step: int


class MetricWithRunOut(msgspec.Struct, gc=False):
    key: str
    value: Double
    timestamp: int
    step: int
    run_id: str


class ExperimentOut(msgspec.Struct, omit_defaults=True):
    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    last_update_time: int
    creation_time: int
    tags: list[TagOut] = []


class RunInfoOut(msgspec.Struct, omit_defaults=True):
    run_id: str
    run_uuid: str
    run_name: str
    experiment_id: str
    user_id: str
    status: str
    start_time: int
    artifact_uri: str
    lifecycle_stage: str
    end_time: int | None = None


class RunDataOut(msgspec.Struct, omit_defaults=True):
    metrics: list[MetricOut] = []
    params: list[TagOut] = []
    tags: list[TagOut] = []


class RunOut(msgspec.Struct):
    info: RunInfoOut
    data: RunDataOut


class FileOut(msgspec.Struct, omit_defaults=True):
    """`path` is relative to the run's artifact root; in the proxied store, to the folder asked for."""

    path: str
    is_dir: bool
    file_size: int | None = None


class ExperimentAnswer(msgspec.Struct):
    experiment: ExperimentOut


class ExperimentIdAnswer(msgspec.Struct):
    experiment_id: str


class ExperimentsAnswer(msgspec.Struct, omit_defaults=True):
    experiments: list[ExperimentOut] = []
    next_page_token: str | None = None


class RunAnswer(msgspec.Struct):
    run: RunOut


class RunInfoAnswer(msgspec.Struct):
    run_info: RunInfoOut


class RunsAnswer(msgspec.Struct, omit_defaults=True):
    runs: list[RunOut] = []
    next_page_token: str | None = None


class BulkHistoryAnswer(msgspec.Struct):
    metrics: list[MetricWithRunOut]


class FilesAnswer(msgspec.Struct, omit_defaults=True):
    root_uri: str | None = None
    files: list[FileOut] = []
    next_page_token: str | None = None


def spell(value: float) -> Double:
    """A double as proto3 JSON spells it."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def spell_all(values: Iterable[float]) -> list[Double]:
    """As `spell`, for the many values of a history. Finite histories, nearly all, pay one pass."""
    listed = list(values)
    if all(map(math.isfinite, listed)):
        return list(listed)
    return [spell(value) for value in listed]

"""Metrics on the wire, in both generations. Fields: azureml-core 1.61.0, MetricV2Dto and RunMetricDto."""

import math
from typing import Any

import msgspec

from freehold.api.azure.wire import Wire, read_moment
from freehold.api.entry import Call
from freehold.domain.listing.metrics import RunMetric
from freehold.domain.metrics.documents import (
    NUMBER,
    NUMBER_TYPES,
    SCALAR,
    Logged,
    MetricDocument,
    Value,
    is_number,
)
from freehold.domain.runs.rules import check_key
from freehold.kit.clock import to_iso
from freehold.kit.problems import Invalid
from freehold.storage.metrics import Point

_WORDS = {"nan": math.nan, "infinity": math.inf, "+infinity": math.inf, "-infinity": -math.inf}


class PropertiesIn(Wire):
    ux_metric_type: str | None = None


class ValueIn(Wire):
    metric_id: str | None = None
    created_utc: str | None = None
    step: int | None = None
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class MetricV2In(Wire):
    name: str = ""
    data_container_id: str | None = None
    columns: dict[str, str] = msgspec.field(default_factory=dict)
    properties: PropertiesIn | None = None
    value: list[ValueIn] = msgspec.field(default_factory=list)

    def logged(self, call: Call) -> Logged:
        """Raises Invalid for a name that is too long or a time that is none."""
        check_key("metric", self.name)
        now = call.services.clock.now()
        kind = (self.properties and self.properties.ux_metric_type) or SCALAR
        type_ = self.columns.get(self.name, "")
        values = [
            Value(read_moment("createdUtc", each.created_utc) or now, each.step, _typed(each.data, self.columns))
            for each in self.value
        ]
        if kind == SCALAR and (not type_ or type_.lower() in NUMBER_TYPES):
            points, others = split(self.name, values)
        else:
            points, others = [], values
        if not others:
            return Logged(points, [])
        metric_id = next((each.metric_id for each in self.value if each.metric_id), None)
        document = MetricDocument(
            metric_id or call.services.ids.new_id(), self.name, kind, others[0].at, self.columns, others, {}
        )
        return Logged(points, [document])


class SchemaPropertyIn(Wire):
    property_id: str | None = None
    name: str | None = None
    type: str | None = None


class SchemaIn(Wire):
    properties: list[SchemaPropertyIn] = msgspec.field(default_factory=list)


class MetricV1In(Wire):
    metric_id: str | None = None
    metric_type: str | None = None
    created_utc: str | None = None
    name: str = ""
    description: str | None = None
    label: str | None = None
    data_location: str | None = None
    cells: list[dict[str, Any]] | None = None
    schema: SchemaIn | None = None

    def logged(self, call: Call) -> Logged:
        """Raises Invalid for a name that is too long or a time that is none."""
        check_key("metric", self.name)
        at = read_moment("createdUtc", self.created_utc) or call.services.clock.now()
        kind = self.metric_type or SCALAR
        columns = {each.name or "": each.type or "string" for each in (self.schema or SchemaIn()).properties}
        values = [Value(at, None, _typed(cell, columns)) for cell in self.cells or []]
        points, others = split(self.name, values) if kind == SCALAR else ([], values)
        extras = {"description": self.description, "label": self.label, "dataLocation": self.data_location}
        extras = {name: text for name, text in extras.items() if text is not None}
        if not others and points:
            return Logged(points, [])
        metric_id = self.metric_id or call.services.ids.new_id()
        return Logged(points, [MetricDocument(metric_id, self.name, kind, at, columns, others, extras)])


def split(name: str, values: list[Value]) -> tuple[list[Point], list[Value]]:
    """Numbers of a scalar are points; whatever else was logged under its name stays a value."""
    points, others = [], []
    for value in values:
        number = value.data.get(name)
        if set(value.data) == {name} and is_number(number):
            points.append(Point(name, _step(value.step), value.at, float(number)))  # type: ignore[arg-type]  # a number
        else:
            others.append(value)
    return points, others


def metric_v2_out(document: MetricDocument, data_container_id: str, token: str | None) -> dict[str, Any]:
    """MetricV2Dto."""
    return {
        "dataContainerId": data_container_id,
        "name": document.name,
        "columns": document.columns,
        "properties": {"uxMetricType": document.metric_type},
        "namespace": None,
        "standardSchemaId": None,
        "value": [_value_out(value) for value in document.values],
        "continuationToken": token,
    }


def metric_v1_out(found: RunMetric) -> dict[str, Any]:
    """RunMetricDto."""
    document = found.document
    types = document.columns
    return {
        "runId": found.run_id,
        "metricId": document.metric_id,
        "dataContainerId": found.data_container_id,
        "metricType": document.metric_type,
        "createdUtc": to_iso(document.created_at),
        "name": document.name,
        "description": document.extras.get("description", ""),
        "label": document.extras.get("label"),
        "numCells": len(document.values),
        "dataLocation": document.extras.get("dataLocation"),
        "cells": [_printed(value.data) for value in document.values],
        "schema": {
            "numProperties": len(types),
            "properties": [{"propertyId": name, "name": name, "type": type_} for name, type_ in types.items()],
        },
    }


def definition_out(name: str, columns: dict[str, str]) -> dict[str, Any]:
    """MetricDefinitionDto."""
    return {"metricKey": {"namespace": None, "name": name}, "columns": columns}


def _value_out(value: Value) -> dict[str, Any]:
    out: dict[str, Any] = {"metricId": None, "createdUtc": to_iso(value.at), "data": _printed(value.data)}
    return out if value.step is None else out | {"step": value.step}


def _printed(data: dict[str, Any]) -> dict[str, Any]:
    """NaN and infinities as words, for JSON has no others and the clients make numbers of them again."""
    return {name: _word(value) if isinstance(value, float) else value for name, value in data.items()}


def _word(value: float) -> float | str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _typed(data: dict[str, Any], columns: dict[str, str]) -> dict[str, Any]:
    """The words for NaN and infinities as numbers again, where the column is one of numbers."""
    return {name: _number(value, columns.get(name, NUMBER)) for name, value in data.items()}


def _number(value: Any, type_: str) -> Any:
    if isinstance(value, str) and type_.lower() in NUMBER_TYPES:
        return _WORDS.get(value.lower(), value)
    return value


def _step(step: int | None) -> int:
    if step is not None and not -(1 << 63) <= step < 1 << 63:
        raise Invalid("InvalidStep", "A step is a whole number of 64 bits.", target="step")
    return step or 0

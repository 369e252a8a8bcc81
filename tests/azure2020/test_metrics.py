"""Metrics in both generations: numbers in the metric store, the rest as written; NaN, order, pages, retries."""

import math
from typing import Any

from tests.azure2020.conftest import Azure

SCALAR, TABLE, LIST = "azureml.v1.scalar", "azureml.v1.table", "azureml.v1.list"


def metric(
    name: str, *values: object, kind: str = SCALAR, type_: str = "double", step: int | None = None
) -> dict[str, Any]:
    rows = [
        {"metricId": f"{name}-{at}", "createdUtc": f"2026-03-01T10:00:{at:02}Z", "data": {name: value}}
        | ({} if step is None else {"step": step + at})
        for at, value in enumerate(values)
    ]
    return {"name": name, "columns": {name: type_}, "properties": {"uxMetricType": kind}, "value": rows}


def log(azure: Azure, run: str, *metrics: dict[str, Any], status: int = 200) -> Any:
    return azure.ok("POST", f"{azure.metrics(run)}/batch", {"values": metrics, "reportErrors": True}, status=status)


def full(azure: Azure, run: str, name: str, **body: object) -> Any:
    return azure.ok("POST", f"{azure.metrics(run)}/full", {"metricName": name, **body})


def values(found: dict[str, Any], name: str) -> list[Any]:
    return [each["data"][name] for each in found["value"]]


def test_scalars_keep_their_order_and_mlflow_sees_them(azure: Azure) -> None:
    run = azure.new_run()
    log(azure, run, metric("loss", 3.0, 2.0), metric("acc", 0.5), metric("loss", 1.0))
    log(azure, run, metric("loss", 4, type_="int"))
    found = full(azure, run, "loss")
    assert values(found, "loss") == [3.0, 2.0, 1.0, 4.0]
    assert found["properties"]["uxMetricType"] == SCALAR
    assert found["dataContainerId"] == f"dcid.{run}"
    assert all("step" not in each for each in found["value"])
    history = azure.world.mlflow("GET", "metrics/get-history", {"run_id": run, "metric_key": "loss"})["metrics"]
    assert sorted(each["value"] for each in history) == [1.0, 2.0, 3.0, 4.0]  # MLflow orders by time


def test_steps_are_told_where_they_were_given(azure: Azure) -> None:
    run = azure.new_run()
    log(azure, run, metric("loss", 3.0, 2.0, step=5))
    assert [each["step"] for each in full(azure, run, "loss")["value"]] == [5, 6]


def test_nan_and_infinities_come_back_as_words(azure: Azure) -> None:
    run = azure.new_run()
    bare = '{"values": [{"name": "m", "value": [{"data": {"m": NaN}}, {"data": {"m": -Infinity}}]}]}'
    answer = azure.world.request("POST", f"{azure.metrics(run)}/batch", azure.person, content=bare)
    assert answer.status_code == 200
    log(azure, run, metric("m", "Infinity", "NaN"))
    found = values(full(azure, run, "m"), "m")
    assert [str(float(each)) for each in found] == ["nan", "-inf", "inf", "nan"]
    latest = azure.world.mlflow("GET", "runs/get", {"run_id": run})["run"]["data"]["metrics"]
    assert len(latest) == 1


def test_what_is_no_number_is_kept_as_written(azure: Azure) -> None:
    run = azure.new_run()
    log(azure, run, metric("s", "text", type_="string"), metric("b", True, type_="bool"))
    log(azure, run, metric("big", 2**60, type_="int"), metric("l", 1, 2, "x", kind=LIST, type_="string"))
    assert values(full(azure, run, "s"), "s") == ["text"]
    assert values(full(azure, run, "b"), "b") == [True]
    assert values(full(azure, run, "big"), "big") == [2**60]
    assert values(full(azure, run, "l"), "l") == [1, 2, "x"]
    names = azure.ok("POST", f"{azure.metrics(run)}/list", {})
    assert {each["metricKey"]["name"] for each in names["value"]} == {"s", "b", "big", "l"}
    assert names["continuationToken"] is None


def test_a_table_has_every_column_in_every_row(azure: Azure) -> None:
    run = azure.new_run()
    row = {"name": "t", "properties": {"uxMetricType": TABLE}}
    first = row | {"columns": {"x": "double"}, "value": [{"metricId": f"{run}1", "data": {"x": 1}}]}
    second = row | {"columns": {"y": "double"}, "value": [{"metricId": f"{run}2", "data": {"y": 2}}]}
    log(azure, run, first, second)
    found = full(azure, run, "t")
    assert [each["data"] for each in found["value"]] == [{"x": 1, "y": None}, {"x": None, "y": 2}]
    assert found["columns"] == {"x": "string", "y": "string"}


def test_a_retried_document_is_not_logged_twice(azure: Azure) -> None:
    run, other = azure.new_run(), azure.new_run()
    document = metric(f"once-{run}", "text", type_="string")
    for each in (run, run, other):
        log(azure, each, document)
    assert len(full(azure, run, document["name"])["value"]) == 1
    assert len(full(azure, other, document["name"])["value"]) == 1


def test_a_batch_tells_what_failed_and_keeps_the_rest(azure: Azure) -> None:
    run = azure.new_run()
    bad_time = metric("bad", 1.0)
    bad_time["value"][0]["createdUtc"] = "soon"
    answer = log(azure, run, metric("good", 1.0), metric("x" * 251, 1.0), bad_time, status=207)
    assert [each["metric"]["name"][:3] for each in answer["errors"]] == ["xxx", "bad"]
    assert answer["errors"][1]["errorResponse"]["error"]["innerError"]["code"] == "InvalidTime"
    assert values(full(azure, run, "good"), "good") == [1.0]
    assert azure.call("POST", f"{azure.metrics(run)}/full", {"metricName": "bad"}).status_code == 404


def test_no_run_takes_no_metrics(azure: Azure) -> None:
    for values_ in ([metric("m", 1.0)], [metric("m", "x", type_="string")], []):
        answer = azure.call("POST", f"{azure.metrics('none')}/batch", {"values": values_})
        assert answer.status_code == 404


def test_many_values_come_in_pages_and_a_window_of_time(azure: Azure) -> None:
    run = azure.new_run()
    for start in range(0, 12_000, 4_000):
        rows = [
            {"createdUtc": "2026-03-01T10:00:00Z", "step": start + n, "data": {"m": start + n}} for n in range(4_000)
        ]
        log(azure, run, {"name": "m", "columns": {"m": "double"}, "value": rows})
    log(azure, run, metric("m", -1.0))
    first = full(azure, run, "m")
    second = full(azure, run, "m", continuationToken=first["continuationToken"])
    assert second["continuationToken"] is None
    assert values(first, "m") + values(second, "m") == [*map(float, range(12_000)), -1.0]
    log(azure, run, {"name": "m", "value": [{"createdUtc": "2026-03-02T10:00:00Z", "data": {"m": 7}}]})
    late = full(azure, run, "m", startTime="2026-03-02T00:00:00Z", endTime="2026-03-03T00:00:00Z")
    assert values(late, "m") == [7.0]


def test_the_first_generation_logs_and_lists(azure: Azure) -> None:
    run, other = azure.new_run(), azure.new_run()
    schema = {"numProperties": 1, "properties": [{"propertyId": "acc", "name": "acc", "type": "double"}]}
    scalar = {"name": "acc", "metricType": SCALAR, "cells": [{"acc": 0.5}], "schema": schema}
    root = f"{azure.history}/experiments/{azure.experiment}"
    azure.ok("POST", f"{root}/runs/{run}/metrics", scalar | {"createdUtc": "2026-03-01T10:00:00Z"})
    cells = [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}]
    table = {"metricId": f"t-{run}", "name": "tab", "metricType": TABLE, "cells": cells, "description": "d"}
    azure.ok("POST", f"{root}/runs/{other}/batch/metrics", {"values": [scalar, table]})
    found = azure.ok("GET", f"{root}/metrics")["value"]
    assert [(each["runId"], each["name"], each["numCells"]) for each in found] == [
        (run, "acc", 1),
        (other, "acc", 1),
        (other, "tab", 2),
    ]
    assert found[2]["cells"] == cells
    assert found[2]["description"] == "d"
    assert found[0]["schema"]["properties"] == [{"propertyId": "acc", "name": "acc", "type": "double"}]
    for each in found:
        assert azure.ok("GET", f"{root}/metrics/{each['metricId']}") == each
    assert azure.call("GET", f"{root}/metrics/none").status_code == 404
    assert azure.call("GET", f"{root}/metrics/none~YWNj~0").status_code == 404


def test_metrics_are_queried_by_run_name_type_and_time(azure: Azure) -> None:
    first, second = azure.new_run(), azure.new_run()
    log(azure, first, metric("acc", 0.1), metric("loss", 1.0))
    log(azure, second, metric("acc", 0.2), metric("note", "x", type_="string"))
    where = f"{azure.history}/experiments/{azure.experiment}/metrics:query"
    wanted = {
        f"RunId eq {first}": [(first, "acc"), (first, "loss")],
        f"RunId eq {first} or RunId eq {second}": [
            (first, "acc"),
            (first, "loss"),
            (second, "acc"),
            (second, "note"),
        ],
        f"(RunId eq {second} and name eq acc)": [(second, "acc")],
        f"MetricType eq {SCALAR} and name ne acc": [(first, "loss"), (second, "note")],
        "CreatedUtc gt 2026-03-01T10:00:00Z": [],
        "RunId eq none": [],
    }
    for filter_, expected in wanted.items():
        found = azure.ok("POST", where, {"filter": filter_})["value"]
        assert [(each["runId"], each["name"]) for each in found] == expected, filter_
    assert azure.call("POST", where, {"filter": "Label eq x"}).status_code == 400


def test_metric_lists_page_across_runs(azure: Azure) -> None:
    runs = [azure.new_run() for _ in range(3)]
    for run in runs:
        log(azure, run, *(metric(f"m{n}", float(n)) for n in range(3)))
    where = f"{azure.history}/experiments/{azure.experiment}/metrics:query"
    seen, token = [], None
    while True:
        page = azure.ok("POST", where, {"top": 2, "continuationToken": token})
        seen += [(each["runId"], each["name"]) for each in page["value"]]
        token = page["continuationToken"]
        if token is None:
            break
    assert seen == [(run, f"m{n}") for run in runs for n in range(3)]


def test_a_long_scalar_is_several_documents(azure: Azure) -> None:
    run = azure.new_run()
    for start in range(0, 12_000, 4_000):
        rows = [{"data": {"m": float(start + n)}} for n in range(4_000)]
        log(azure, run, {"name": "m", "columns": {"m": "double"}, "value": rows})
    root = f"{azure.history}/experiments/{azure.experiment}/metrics"
    found = azure.ok("GET", root)["value"]
    assert len({each["metricId"] for each in found}) == len(found) == 2
    cells = [cell["m"] for each in found for cell in each["cells"]]
    assert cells == [float(n) for n in range(12_000)]
    assert azure.ok("GET", f"{root}/{found[1]['metricId']}")["cells"] == found[1]["cells"]
    assert math.fsum(cells) == sum(range(12_000))

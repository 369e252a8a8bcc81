"""Everything that can be asked of a world: every GET of every façade, and every search, by everybody."""

import json
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from freehold.api.routing import Route, SignedIn, Within
from freehold.app import facades
from tests.oracle.making import Context, Telling
from tests.oracle.script import ACCOUNT, ELSEWHERE, HOME, HOSTING, LAB, PROJECT
from tests.oracle.serving import Answer

LOOKING = 1_000
"""The number of the first call that only looks."""
ALIASES = 4
"""Of addresses that are a second spelling of another, one of so many is asked."""
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
_PLACE_OF_2020 = f"{_GROUP}/providers/Microsoft.MachineLearningServices/workspaces/{{workspace}}"
_NAMES = re.compile(r"\{(\w+)(?::\w+)?\}")
_OF_PATH = {"subscription", "group", "workspace", "account", "above", "project", "hosting", "resource"}
NOT_ASKED = {
    "/metrics": "counts of requests by route template of this process; no content",
    "/freehold/v1/operations": "the paperwork of whoever asked for the erasure, which is declared retained",
    "/freehold/v1/log": "the certificates' log, which goes on",
    "{operation}": "an operation is named by a random id that only its erasure has",
    "/token": "a fresh token each time",
    "/keys": "made anew for each world",
    "/Clone": "these GETs of the pipeline service make something",
    "/write": "these GETs of the artifact store register what is to be written",
    "/datastores/{datastore}/content": "content lies outside",
}
QUERIES: dict[str, str] = {
    "/mlflow/artifacts/list": "run_id={run}",
    "/mlflow-artifacts/artifacts": "path={experiment_id}/{run}/artifacts",
    "/mlflow/experiments/get": "experiment_id={experiment_id}",
    "/mlflow/experiments/get-by-name": "experiment_name={experiment}",
    "/mlflow/metrics/get-history": "run_id={run}&metric_key={key}",
    "/mlflow/metrics/get-history-bulk-interval": "run_ids={run}&metric_key={key}",
    "/mlflow/runs/get": "run_id={run}",
    "/artifacts/path": "path={path}",
    "/artifacts/metadata": "path={path}",
    "/artifacts/contentinfo": "path={path}",
    "/artifacts/artifacturi": "path={path}",
    "/artifacturi": "name={path}",
    "/metadata": "path={path}",
    "/content": "path={path}",
    "/contentinfo": "path={path}",
    "/AzureMLModules/Name": "name={name}",
    "/PipelineEndpoints/Name": "name={name}",
}
"""How a route that ends so is asked for one thing."""
ALL: list[str] = []
"""Stands for the experiments of the place."""
SEARCHES: dict[str, list[Any]] = {
    "/mlflow/v2.0{place}/api/2.0/mlflow/experiments/search": [{"view_type": "ALL", "max_results": 100}, {}],
    "/mlflow/v2.0{place}/api/2.0/mlflow/runs/search": [
        {"experiment_ids": ALL, "run_view_type": "ALL", "max_results": 100},
        {"experiment_ids": ALL, "filter": "metrics.loss > 1", "order_by": ["metrics.loss DESC"]},
        {"experiment_ids": ALL, "filter": "params.rate LIKE '%1%'", "order_by": ["attributes.start_time ASC"]},
        {"experiment_ids": ALL, "max_results": 2},
    ],
    "/history/v1.0{place}/experiments:query": [{"top": 50}, {"top": 2}],
    "/history/v1.0{place}/runs:query": [{}, {"top": 2}, {"filter": "Status eq 'Failed'"}],
}


class Question(NamedTuple):
    person: str
    method: str
    path: str
    body: str = ""


def questions(telling: Telling, contexts: Iterable[Context]) -> list[Question]:
    """The same for both tellings: `contexts` are of the fuller one, with addresses of what is gone."""
    known = [*contexts, *({"object": person.object_id} for person in telling.people.values())]
    asked = [question for route in _routes() for question in _of_route(telling, route, known)]
    return list(dict.fromkeys([*asked, *_searches(telling, known)]))


def answers(telling: Telling, asked: Iterable[Question]) -> dict[str, Answer]:
    found = {}
    for number, (person, method, path, body) in enumerate(asked):
        telling.served.begin(LOOKING + number)
        answer = telling.served.call(telling.people[person], method, path, json.loads(body) if body else None)
        found[f"{person} {method} {path} {body}".rstrip()] = answer
    return found


def _routes() -> Iterator[Route]:
    for facade in facades():
        for route in facade.routes:
            is_asked = not any(part in route.path for part in NOT_ASKED)
            if route.method == "GET" and isinstance(route.rule, Within | SignedIn) and is_asked:
                yield route


def _of_route(telling: Telling, route: Route, contexts: list[Context]) -> Iterator[Question]:
    names = [name for name in _NAMES.findall(route.path) if name not in _OF_PATH]
    query = next((text for end, text in QUERIES.items() if route.path.endswith(end) and names[-1:] != ["path"]), "")
    wanted = {*names, *_NAMES.findall(query)}
    for place in _places_of(route):
        base = _in_place(telling, route.path, place)
        for context in _fitting(route, place, wanted, contexts):
            path = _NAMES.sub(lambda found, of=context: of[found[1]], f"{base}?{query}" if query else base)  # type: ignore[misc]  # binds the loop's value
            if _is_asked(route.path, path):
                yield from _askers(place, _versioned(route, path))


def _fitting(route: Route, place: str, wanted: set[str], contexts: list[Context]) -> Iterator[Context]:
    """Addresses of one thing are made of what is known of it. Versions and types are few: they are said here."""
    fixed = {"location": "local", "namespace": "Microsoft.MachineLearningServices", "hash": "0" * 32, "metric": "x"}
    for context in [{}] if not wanted else contexts:
        known = fixed | {"version": "1", "task": "none", "origin": "ExperimentRun"} | context
        noun = known.get("noun")
        is_here = known.get("place", place) == place
        is_of_noun = noun is None or noun == "pipelines" or f"/{noun}/" in route.path
        if is_here and is_of_noun and wanted <= known.keys() and (not wanted or wanted & context.keys()):
            yield known


def _is_asked(template: str, path: str) -> bool:
    aliases = (
        "/ajax-api/",
        "/rp/workspaces/",
        "/artifact/v1.0",
        "/experimentids/",
        "/PublishedPipelines",
        "/Templates",
    )
    is_alias = template.startswith(("/api/v1.0", f"/api{_PLACE_OF_2020}")) or any(each in template for each in aliases)
    return not is_alias or zlib.crc32(path.encode()) % ALIASES == 0


def _askers(place: str, path: str) -> Iterator[Question]:
    """Whoever may look, and now and then somebody who may not."""
    chance = zlib.crc32(path.encode())
    yield Question("charlie" if place == ELSEWHERE else "alice", "GET", path)
    others = ["bob", "dora", "charlie", "alice"]
    yield Question(others[chance % len(others)], "GET", path)


def _places_of(route: Route) -> list[str]:
    if "{project}" in route.path:
        return [PROJECT]
    if "{hosting}" in route.path:
        return [HOSTING]
    if "{account}" in route.path:
        return [ACCOUNT]
    if "{resource}" in route.path or "{resource:path}" in route.path:
        return [HOME, LAB, ELSEWHERE, PROJECT, HOSTING]
    return [HOME, LAB, ELSEWHERE] if "{workspace}" in route.path else [HOME]


def _in_place(telling: Telling, template: str, place: str) -> str:
    """The template, with the names of the place filled in."""
    parts = telling.path(place).split("/")
    given = {"subscription": parts[2], "group": parts[4], "resource": "/".join(parts[5:])}
    given |= {"workspace": parts[8], "account": parts[8], "hosting": parts[8], "above": "team", "project": "digits"}
    return _NAMES.sub(lambda found: given.get(found[1], found[0]), template)


def _versioned(route: Route, path: str) -> str:
    if not route.versions:
        return path
    return f"{path}{'&' if '?' in path else '?'}api-version={max(route.versions)}"


def _searches(telling: Telling, contexts: list[Context]) -> Iterator[Question]:
    for template, bodies in SEARCHES.items():
        for place in (HOME, LAB, ELSEWHERE):
            here = [
                each["experiment_id"] for each in contexts if each.get("place") == place and "experiment_id" in each
            ]
            for body in bodies:
                path = template.format(place=telling.path(place))
                filled = {key: sorted({*here}) if value is ALL else value for key, value in body.items()}
                yield Question("charlie" if place == ELSEWHERE else "alice", "POST", path, json.dumps(filled))
                yield Question("bob", "POST", path, json.dumps(filled))

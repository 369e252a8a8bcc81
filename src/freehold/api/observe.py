"""Counts and times of requests, by route template: no path, no id, no name is ever kept."""

from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram

if TYPE_CHECKING:
    from freehold.api.routing import Route

_LATENCY = Histogram(
    "freehold_request_seconds",
    "Time from a request's head to its answer's last byte",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
)
_ANSWERS = Counter("freehold_answers", "Answers by route and status", ["method", "route", "status"])
_children: dict[tuple[str, str, int], tuple[Histogram, Counter]] = {}


def observe(route: "Route | None", method: str, status: int, seconds: float) -> None:
    path = route.path if route else "(none)"
    verb = route.method if route else "(any)"
    key = (verb, path, status)
    children = _children.get(key)
    if children is None:
        children = _children[key] = (
            _LATENCY.labels(verb, path),
            _ANSWERS.labels(verb, path, str(status)),
        )
    children[0].observe(seconds)
    children[1].inc()

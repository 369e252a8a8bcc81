"""Starting an operation of Freehold's own API and waiting for its end."""

import time
from dataclasses import dataclass
from typing import Any

from benchmarks.servers import Server, ServerFault

LOOK_EVERY = 0.02
LONGEST_WAIT = 900.0


@dataclass(frozen=True)
class Ended:
    """`steps`: (seconds since the request, things done by then), each time that the number changed."""

    operation_id: str
    seconds: float
    result: dict[str, Any]
    steps: list[tuple[float, int]]


def run_operation(server: Server, what: str, body: dict[str, Any], look_every: float = LOOK_EVERY) -> Ended:
    """From the request to the answer that says it is done. Raises ServerFault."""
    began = time.perf_counter()
    return follow(server, server.call("POST", f"/freehold/v1/{what}", body, expect=(202,)), began, look_every)


def follow(server: Server, operation: dict[str, Any], began: float, look_every: float = LOOK_EVERY) -> Ended:
    """Until the operation is done; the time counts from `began`. Raises ServerFault."""
    what, steps = operation["kind"], [(0.0, 0)]
    while operation["state"] not in ("Succeeded", "Failed", "Canceled"):
        if time.perf_counter() - began > LONGEST_WAIT:
            raise ServerFault(f"{what} did not end in {LONGEST_WAIT} s: {operation}")
        time.sleep(look_every)
        operation = server.call("GET", f"/freehold/v1/operations/{operation['id']}")
        if operation["progress"]["done"] != steps[-1][1]:
            steps.append((time.perf_counter() - began, operation["progress"]["done"]))
    if operation["state"] != "Succeeded":
        raise ServerFault(f"{what} ended as {operation['state']}: {operation['error']}")
    return Ended(operation["id"], time.perf_counter() - began, operation["result"], steps)

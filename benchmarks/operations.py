"""Starting an operation of Freehold's own API and waiting for its end."""

import time
from typing import Any

from benchmarks.servers import Server, ServerFault

LOOK_EVERY = 0.02
LONGEST_WAIT = 900.0


def run_operation(server: Server, what: str, body: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """Seconds from the request to the answer that says it is done, and its result. Raises ServerFault."""
    began = time.perf_counter()
    operation = server.call("POST", f"/freehold/v1/{what}", body, expect=(202,))
    while operation["state"] not in ("Succeeded", "Failed", "Canceled"):
        if time.perf_counter() - began > LONGEST_WAIT:
            raise ServerFault(f"{what} did not end in {LONGEST_WAIT} s: {operation}")
        time.sleep(LOOK_EVERY)
        operation = server.call("GET", f"/freehold/v1/operations/{operation['id']}")
    if operation["state"] != "Succeeded":
        raise ServerFault(f"{what} ended as {operation['state']}: {operation['error']}")
    return time.perf_counter() - began, operation["result"] | {"operation_id": operation["id"]}

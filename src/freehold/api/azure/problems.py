"""A Problem as a part of an answer, where many things were asked for at once and some failed."""

from typing import Any

from freehold.api.entry import Call
from freehold.kit.clock import to_iso
from freehold.kit.problems import Problem


def problem_out(call: Call, problem: Problem) -> dict[str, Any]:
    """ErrorResponse; `details` must be a list."""
    return {
        "error": {
            "code": "UserError" if problem.status < 500 else "ServiceError",
            "message": problem.message,
            "target": problem.target,
            "details": [],
            "innerError": {"code": problem.code, "innerError": None},
        },
        "correlation": {"operation": call.request_id, "request": call.request_id},
        "environment": "freehold",
        "location": call.workspace.location,
        "time": to_iso(call.services.clock.now()),
        "componentName": "freehold",
    }

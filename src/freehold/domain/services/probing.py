"""What a probe finds out about a service, and what the service becomes by it."""

from typing import Any, NamedTuple

from freehold.domain.access.queries import find_ref, find_workspace_by_key
from freehold.domain.services import rules, service
from freehold.domain.services.service import Report
from freehold.kit.problems import Problem
from freehold.storage.transaction import Transaction

_TARGET = "scoringUri"


class Probed(NamedTuple):
    """A service as it stood when it was looked up for a probe."""

    row_id: int
    workspace_id: int
    scoring_uri: str


class Finding(NamedTuple):
    """`is_well` is None where the address must not be visited: that tells nothing about the service."""

    is_well: bool | None
    error: dict[str, Any] | None


def found_status(status: int | None) -> Finding:
    """`status`: of the answer to a GET; None where there was none."""
    if rules.is_answered(status):
        return Finding(True, None)
    said = "did not answer in time" if status is None else f"answered with the status {status}"
    return Finding(False, _error("ProbeFailed", f"The scoring address {said}."))


def found_nowhere(problem: Problem) -> Finding:
    """The host has no address."""
    return Finding(False, _error(problem.code, problem.message))


def found_refused(problem: Problem) -> Finding:
    return Finding(None, _error(problem.code, problem.message))


def report_probe(db: Transaction, probed: Probed, finding: Finding) -> bool:
    """Move the service if that is news; whether it was. One that was changed, moved on or deleted meanwhile stays."""
    workspace = find_workspace_by_key(db, probed.workspace_id)
    if workspace is None or find_ref(db, workspace.public_id) is None:  # it is being erased
        return False
    now = service.views_of(db, workspace, [probed.row_id]).get(probed.row_id)
    if now is None or not now.is_probed or now.scoring_uri != probed.scoring_uri or now.state not in rules.PROBED:
        return False
    state = {True: rules.HEALTHY, False: rules.UNHEALTHY, None: now.state}[finding.is_well]
    if state == now.state and not _says_more(finding, now.document.get("error")):
        return False
    service.report_service(db, workspace, now.name, Report(state, error=finding.error))
    return True


def _says_more(finding: Finding, standing: dict[str, Any] | None) -> bool:
    """Of a service whose state stays: that it must not be visited is said once, and taken back once it answers."""
    if finding.is_well is None:
        return standing != finding.error
    return finding.is_well and standing is not None and standing.get("target") == _TARGET


def _error(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "target": _TARGET}

"""Runs rocrate-validator offline: its HTTP cache holds the published context, kept beside the tests."""

import io
import json
import subprocess
import sys
from pathlib import Path

import requests
import requests_cache
from urllib3 import HTTPResponse

CONTEXT_URL = "https://w3id.org/ro/crate/1.2/context"
CONTEXT = Path(__file__).parents[2] / "contexts" / "ro-crate-1.2.jsonld"
PROFILES = ("ro-crate-1.2", "process-run-crate-0.5")


def faults_of(crate: Path, scratch: Path, *, profile: str) -> list[str]:
    """The messages of every REQUIRED check of `profile` that the crate fails.

    Without inherited ones: the validator's Process Run Crate 0.5 inherits RO-Crate 1.1, whose descriptor must
    name 1.1. RO-Crate 1.2 inherits nothing.
    """
    cache = scratch / "rocrate-cache"
    _fill(cache)
    answer = scratch / "rocrate-report.json"
    command = [
        str(Path(sys.executable).parent / "rocrate-validator"), "-y", "validate", str(crate),
        "--offline", "--cache-path", str(cache), "--skip-availability-check",
        "--profile-identifier", profile, "--requirement-severity", "REQUIRED",
        "--output-format", "json", "--output-file", str(answer), "--no-paging",
        "--disable-profile-inheritance",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if not answer.exists():
        raise AssertionError(f"the validator did not answer: {done.stdout}{done.stderr}")
    report = json.loads(answer.read_text())
    issues = [issue["message"] for issue in report["issues"]]
    assert report["passed"] == (not issues)
    return issues


def _fill(cache: Path) -> None:
    session = requests_cache.CachedSession(cache_name=str(cache), backend="sqlite", expire_after=-1)
    context = CONTEXT.read_bytes()
    assert json.loads(context)["@id"] == CONTEXT_URL
    response = requests.Response()
    response.status_code = 200
    response.url = CONTEXT_URL
    response.headers["Content-Type"] = "application/ld+json"
    response.request = requests.Request("GET", CONTEXT_URL).prepare()
    response.raw = HTTPResponse(io.BytesIO(context), status=200, preload_content=False)
    response._content = context
    session.cache.save_response(response)
    session.close()  # type: ignore[no-untyped-call]  # requests_cache leaves it untyped

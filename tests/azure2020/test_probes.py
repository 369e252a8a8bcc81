"""Probes: a service whose scoring address answers is healthy; whom a probe must not visit, it does not."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.azure2020.conftest import Azure
from tests.world import World, make_world


@dataclass
class Outside:
    """A real HTTP server on loopback that answers every path with the status that is set for it."""

    port: int
    statuses: dict[str, int] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def url(self, name: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/{name}"

    def visits(self, name: str) -> int:
        return self.seen.count(f"/{name}")


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.seen.append(self.path)
            self.send_response(made.statuses.get(self.path.removeprefix("/"), 200))
            self.send_header("Location", made.url("elsewhere"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *given: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Outside(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def probing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server that probes every second, and may visit one address of this machine."""
    folder: Path = tmp_path_factory.mktemp("probing") / "data"
    made = make_world(folder).start(FREEHOLD_PROBE_SECONDS="1", FREEHOLD_OUTSIDE_HOSTS="127.0.0.1")
    yield made
    made.stop()


@pytest.fixture
def alice(probing: World) -> Iterator[Azure]:
    with httpx.Client(base_url=probing.url, timeout=60) as client:
        yield Azure(probing, client, probing.alice, probing.workspace, "")


def serve(azure: Azure, url: str | None, *, probe: bool = True) -> str:
    name = azure.name("probed")
    body = {"name": name, "computeType": "ACI", "scoringUri": url, "probe": probe}
    azure.ok("POST", f"{azure.models}/services", body, status=202)
    return name


def read(azure: Azure, name: str) -> Any:
    return azure.ok("GET", f"{azure.models}/services/{name}")


def becomes(azure: Azure, name: str, within: float = 20, **wanted: Any) -> Any:
    """The service once it is so."""
    deadline = time.monotonic() + within
    while True:
        found = read(azure, name)
        if wanted.items() <= found.items():
            return found
        assert time.monotonic() < deadline, f"not {wanted} but {found['state']} {found['error']}"
        time.sleep(0.1)


def rounds(azure: Azure, outside: Outside, number: int = 2) -> None:
    """Until every probed service was visited again, this often."""
    witness = serve(azure, outside.url("witness"))
    was = outside.visits("witness")
    deadline = time.monotonic() + 20
    while outside.visits("witness") < was + number:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    azure.ok("DELETE", f"{azure.models}/services/{witness}")


def titles(azure: Azure, name: str) -> list[str]:
    found = azure.ok("GET", f"/notification/v1.0{azure.workspace}/tasks?$top=500")["value"]
    return [told["title"] for task in found if task["serviceName"] == name for told in task["notifications"]]


def test_a_probe_moves_a_service_with_its_answers_and_tells_who_made_it(alice: Azure, outside: Outside) -> None:
    name = serve(alice, outside.url("moving"))
    becomes(alice, name, state="Healthy", error=None)
    assert titles(alice, name) == []
    outside.statuses["moving"] = 503
    ill = becomes(alice, name, state="Unhealthy")
    assert ill["error"]["code"] == "ProbeFailed"
    assert "503" in ill["error"]["message"]
    rounds(alice, outside)
    assert titles(alice, name) == ["Service unhealthy"]
    outside.statuses["moving"] = 200
    becomes(alice, name, state="Healthy", error=None)
    assert titles(alice, name) == ["Service unhealthy", "Service healthy"]


@pytest.mark.parametrize(
    ("status", "state"),
    [(204, "Healthy"), (400, "Healthy"), (401, "Healthy"), (405, "Healthy"), (404, "Unhealthy"), (410, "Unhealthy")],
)
def test_what_wants_a_post_or_a_key_is_well_and_what_is_not_there_is_not(
    alice: Azure, outside: Outside, status: int, state: str
) -> None:
    outside.statuses[f"answers-{status}"] = status
    becomes(alice, serve(alice, outside.url(f"answers-{status}")), state=state)


def test_a_redirect_is_not_followed(alice: Azure, outside: Outside) -> None:
    outside.statuses["moved"] = 302
    becomes(alice, serve(alice, outside.url("moved")), state="Unhealthy")
    assert outside.visits("elsewhere") == 0


def test_nobody_listening_is_unhealthy(alice: Azure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ill = becomes(alice, serve(alice, f"http://127.0.0.1:{port}/"), state="Unhealthy")
    assert "did not answer in time" in ill["error"]["message"]


def test_a_certificate_that_nobody_vouches_for_is_unhealthy(alice: Azure) -> None:
    becomes(alice, serve(alice, f"{alice.world.secure_url}/healthz"), state="Unhealthy")


def test_a_name_without_address_is_unhealthy(alice: Azure) -> None:
    ill = becomes(alice, serve(alice, "https://none.invalid/score"), state="Unhealthy")
    assert ill["error"]["code"] == "AddressNotResolved"


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.2.", "[::ffff:127.0.0.2]", "2130706434", "169.254.169.254"])
def test_an_address_inside_is_not_visited_and_the_service_says_so(alice: Azure, outside: Outside, host: str) -> None:
    """A visit would end as Unhealthy there, and not as a refusal: nobody listens on these."""
    refused = becomes(alice, serve(alice, outside.url("inside", host)), error=_REFUSED)
    assert refused["state"] == "Transitioning"
    assert outside.visits("inside") == 0
    assert titles(alice, refused["name"]) == []


_REFUSED = {
    "code": "AddressNotPublic",
    "message": "This address leads into a private network, to this machine or to a metadata service. "
    "Use a public one, or have the operator add its host to FREEHOLD_OUTSIDE_HOSTS.",
    "target": "scoringUri",
}


def test_a_refusal_is_said_once_and_taken_back(alice: Azure, outside: Outside) -> None:
    name = serve(alice, outside.url("inside", "127.0.0.2"))
    refused = becomes(alice, name, error=_REFUSED)
    rounds(alice, outside)
    assert read(alice, name) == refused
    # well already, so that only the error tells the next answer from news
    alice.ok("POST", f"/freehold/v1/services/{name}/reports", {"state": "Healthy", "error": _REFUSED})
    patch = [{"op": "replace", "path": "/scoringUri", "value": outside.url("allowed")}]
    alice.ok("PATCH", f"{alice.models}/services/{name}", patch)
    becomes(alice, name, state="Healthy", error=None)


def test_who_did_not_ask_is_not_probed(alice: Azure, outside: Outside) -> None:
    silent = serve(alice, outside.url("silent"), probe=False)
    nowhere = serve(alice, None)
    rounds(alice, outside)
    assert outside.visits("silent") == 0
    assert read(alice, silent)["state"] == read(alice, nowhere)["state"] == "Transitioning"


@pytest.mark.parametrize("state", ["Failed", "Unschedulable"])
def test_what_must_be_deployed_anew_is_left_alone(alice: Azure, outside: Outside, state: str) -> None:
    name = serve(alice, None)
    place = f"/freehold/v1/services/{name}/reports"
    alice.ok("POST", place, {"state": state, "scoring_uri": outside.url(f"left-{state}")})
    rounds(alice, outside)
    assert outside.visits(f"left-{state}") == 0
    assert read(alice, name)["state"] == state


def test_a_deleted_service_is_not_visited_any_more(alice: Azure, outside: Outside) -> None:
    name = serve(alice, outside.url("deleted"))
    becomes(alice, name, state="Healthy")
    alice.ok("DELETE", f"{alice.models}/services/{name}")
    rounds(alice, outside, 1)
    was = outside.visits("deleted")
    rounds(alice, outside)
    assert outside.visits("deleted") == was
    alice.erased()


def test_the_log_has_no_address(alice: Azure, outside: Outside) -> None:
    serve(alice, outside.url("logged?key=hush"))
    rounds(alice, outside)
    log = (alice.world.folder / "server.log").read_text()
    assert "services moved by probes" in log
    assert "hush" not in log
    assert str(outside.port) not in log

"""A tree of 2018 as its clients address it: an experimentation account with a project, and a hosting account."""

import itertools
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.azure2020.conftest import Azure, client
from tests.world import Person, World

__all__ = ["client"]
_NUMBERS = itertools.count(1)
EXPERIMENTATION = "api-version=2017-05-01-preview"
ACCOUNTS = "api-version=2017-09-01-preview"
CLUSTERS = "api-version=2017-06-01-preview"


@dataclass
class Tree(Azure):
    """Calls of one person; the names are of one tree of their own."""

    number: int = 0

    @property
    def group(self) -> str:
        return f"/subscriptions/{self.world.subscription_id}/resourceGroups/freehold"

    @property
    def account(self) -> str:
        return f"{self.group}/providers/Microsoft.MachineLearningExperimentation/accounts/account{self.number}"

    @property
    def above(self) -> str:
        return f"{self.account}/workspaces/team{self.number}"

    @property
    def project(self) -> str:
        return f"{self.above}/projects/digits{self.number}"

    @property
    def hosting(self) -> str:
        return f"{self.group}/providers/Microsoft.MachineLearningModelManagement/accounts/hosting{self.number}"

    @property
    def api(self) -> str:
        """The data plane of the hosting account."""
        return f"/api{self.group}/accounts/hosting{self.number}"

    @property
    def runs(self) -> str:
        return f"/history/v1.0{self.project}"

    @property
    def files(self) -> str:
        return f"/artifact/v1.0{self.project}"

    def arm(self, method: str, path: str, body: Any = None, version: str = EXPERIMENTATION) -> httpx.Response:
        return self.call(method, f"{path}?{version}", body)

    def manage(self, method: str, path: str, body: Any = None, query: str = "") -> httpx.Response:
        """On the hosting account's data plane."""
        return self.call(method, f"{self.api}{path}?{ACCOUNTS}{query}", body)

    def make(self) -> "Tree":
        for path in (self.account, self.above, self.project):
            answer = self.arm("PUT", path, {"location": "local", "properties": {}})
            assert answer.status_code == 201, answer.text
        body = {"location": "local", "sku": {"name": "S1", "capacity": 2}, "properties": {"description": "models"}}
        assert self.arm("PUT", self.hosting, body, ACCOUNTS).status_code == 201
        return self

    def put_run(self, run: str, **body: Any) -> Any:
        return self.ok("PATCH", f"{self.runs}/runs/{run}", body)

    def put_file(self, run: str, path: str, content: bytes) -> None:
        where = f"{self.files}/artifacts/content/ExperimentRun/{run}/{path}"
        answer = self.client.post(where, content=content, headers=self.person.headers)
        assert answer.status_code == 200, answer.text

    def register(self, name: str, **body: Any) -> Any:
        given = {"name": name, "url": "https://blobs.example.org/m.pkl", "mimeType": "application/octet-stream"}
        answer = self.manage("POST", "/models", given | body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="session")
def tree(shared_world: World, client: httpx.Client) -> Tree:
    """Alice's."""
    return _tree(shared_world, client, shared_world.alice).make()


@pytest.fixture
def fresh_tree(shared_world: World, client: httpx.Client) -> Tree:
    """One that a test may take down."""
    return _tree(shared_world, client, shared_world.alice).make()


def as_person(tree: Tree, person: Person) -> Tree:
    return Tree(tree.world, tree.client, person, tree.workspace, "", tree.number)


def _tree(world: World, client: httpx.Client, person: Person) -> Tree:
    return Tree(world, client, person, world.workspace, "", next(_NUMBERS))

"""The kinds of containers in ARM's tree: what they are called there, what stands above, and which hold content.

A 2020 workspace, a 2018 project and a hosting account are each the home of content. Experimentation accounts and
their workspaces stand above projects; an operationalization cluster is a resource with nothing in it.
Source: calls 1, 10, 11, 37, 46 to 50, 61, 62 and 76 to 78.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    WORKSPACE = "workspace"
    HOSTING_ACCOUNT = "hosting_account"
    EXPERIMENTATION_ACCOUNT = "experimentation_account"
    EXPERIMENTATION_WORKSPACE = "experimentation_workspace"
    PROJECT = "project"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class KindFacts:
    """`provider` and `collections`: where it stands in an ARM path. `called`: in messages to people."""

    provider: str
    collections: tuple[str, ...]
    called: str
    parent: Kind | None = None
    has_content: bool = False

    @property
    def type(self) -> str:
        """ARM's type, e.g. `Microsoft.MachineLearningServices/workspaces`."""
        return "/".join((self.provider, *self.collections))

    def arm_path(self, names: Sequence[str]) -> str:
        """The ARM id below the resource group."""
        pairs = "/".join(f"{collection}/{name}" for collection, name in zip(self.collections, names, strict=True))
        return f"providers/{self.provider}/{pairs}"


_EXPERIMENTATION = "Microsoft.MachineLearningExperimentation"
FACTS: dict[Kind, KindFacts] = {
    Kind.WORKSPACE: KindFacts("Microsoft.MachineLearningServices", ("workspaces",), "workspace", has_content=True),
    Kind.HOSTING_ACCOUNT: KindFacts(
        "Microsoft.MachineLearningModelManagement", ("accounts",), "hosting account", has_content=True
    ),
    Kind.EXPERIMENTATION_ACCOUNT: KindFacts(_EXPERIMENTATION, ("accounts",), "experimentation account"),
    Kind.EXPERIMENTATION_WORKSPACE: KindFacts(
        _EXPERIMENTATION, ("accounts", "workspaces"), "workspace", Kind.EXPERIMENTATION_ACCOUNT
    ),
    Kind.PROJECT: KindFacts(
        _EXPERIMENTATION,
        ("accounts", "workspaces", "projects"),
        "project",
        Kind.EXPERIMENTATION_WORKSPACE,
        has_content=True,
    ),
    Kind.CLUSTER: KindFacts("Microsoft.MachineLearningCompute", ("operationalizationClusters",), "cluster"),
}


def parse(arm_path: str) -> tuple[Kind, tuple[str, ...]] | None:
    """Kind and names of an ARM id below the resource group, in any case; None where it names no container."""
    parts = arm_path.strip("/").split("/")
    collections = [part.casefold() for part in parts[2::2]]
    if len(parts) % 2 or parts[0].casefold() != "providers":
        return None
    for kind, facts in FACTS.items():
        is_it = parts[1].casefold() == facts.provider.casefold()
        if is_it and collections == [each.casefold() for each in facts.collections]:
            return kind, tuple(parts[3::2])
    return None

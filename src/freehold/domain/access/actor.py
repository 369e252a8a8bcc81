"""Who makes a request, and where."""

from enum import StrEnum
from typing import NamedTuple

from freehold.domain.access.kinds import FACTS, Kind


class Actor(NamedTuple):
    """A person (or service principal) of the directory. `object_id` and `tenant_id` are those of its token."""

    person_row: int
    person_id: str
    object_id: str
    tenant_id: str
    kind: str


class WorkspaceRef(NamedTuple):
    """A container that the actor may use. `workspace_id` is the integer key; names keep their stored spelling."""

    workspace_id: int
    public_id: str
    subscription_id: str
    resource_group: str
    name: str
    location: str
    kind: Kind
    arm_path: str

    @property
    def path(self) -> str:
        """The ARM id, spelt as clients parse it (azureml-core 1.61.0 matches `/resourceGroups/` with its case)."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}/{self.arm_path}"


class WorkspaceName(NamedTuple):
    """How a request names a container: ARM path parts, in any case; `names` are its own and those above it."""

    subscription_id: str
    resource_group: str
    names: tuple[str, ...]
    kind: Kind = Kind.WORKSPACE

    @property
    def arm_path(self) -> str:
        return FACTS[self.kind].arm_path(self.names)

    @property
    def name(self) -> str:
        return self.names[-1]

    @property
    def parent(self) -> "WorkspaceName | None":
        kind = FACTS[self.kind].parent
        return None if kind is None else self._replace(names=self.names[:-1], kind=kind)


class Action(StrEnum):
    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    EXPORT = "export"
    ERASE = "erase"
    MANAGE = "manage"
    SECRETS = "read secrets"

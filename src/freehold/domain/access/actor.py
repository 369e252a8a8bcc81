"""Who makes a request, and where."""

from enum import StrEnum
from typing import NamedTuple


class Actor(NamedTuple):
    """A person (or service principal) of the directory. `object_id` and `tenant_id` are those of its token."""

    person_row: int
    person_id: str
    object_id: str
    tenant_id: str
    kind: str


class WorkspaceRef(NamedTuple):
    """A workspace that the actor may use. `workspace_id` is the integer key; names keep their stored spelling."""

    workspace_id: int
    public_id: str
    subscription_id: str
    resource_group: str
    name: str
    location: str

    @property
    def path(self) -> str:
        """The ARM id, spelt as clients parse it (wire facts: `/resourceGroups/` is matched with its case)."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )


class WorkspaceName(NamedTuple):
    """How a request names a workspace: ARM path parts, in any case."""

    subscription_id: str
    resource_group: str
    name: str


class Action(StrEnum):
    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    EXPORT = "export"
    ERASE = "erase"
    MANAGE = "manage"

"""May this actor do that here? What one may not see does not exist."""

from freehold.domain.access import queries
from freehold.domain.access.actor import Action, Actor, WorkspaceName, WorkspaceRef
from freehold.domain.access.rules import actions_of
from freehold.kit.problems import Forbidden, NotFound
from freehold.storage.transaction import Transaction


def enter(db: Transaction, actor: Actor, name: WorkspaceName | None) -> tuple[WorkspaceRef, frozenset[Action]]:
    """The workspace (None: the default one) and what the actor may do there. Raises NotFound."""
    found = queries.find_default_workspace(db) if name is None else queries.find_workspace(db, name)
    actions = actions_of(queries.roles_in(db, actor.person_row, found.workspace_id)) if found else frozenset()
    if found is None or Action.READ not in actions:
        raise NotFound("ResourceNotFound", "There is no such workspace, or you may not see it.")
    return found, actions


def may(db: Transaction, actor: Actor, action: Action, workspace_id: int) -> bool:
    return action in actions_of(queries.roles_in(db, actor.person_row, workspace_id))


def require(actions: frozenset[Action], action: Action) -> None:
    """Raises Forbidden: the actor sees the workspace but may not do this in it."""
    if action not in actions:
        message = f"You may read this workspace but not {action.value} in it. Ask its owner for a role that may."
        raise Forbidden("AuthorizationFailed", message)


def allow(db: Transaction, actor: Actor, action: Action, workspace: WorkspaceRef) -> None:
    """Raises NotFound if the actor may not see the workspace, Forbidden if it may but not do this."""
    actions = actions_of(queries.roles_in(db, actor.person_row, workspace.workspace_id))
    if Action.READ not in actions:
        raise NotFound("ResourceNotFound", "There is no such workspace, or you may not see it.")
    require(actions, action)

"""Commands of legal holds: list, place, lift."""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from freehold.cli.connection import AsJson, Data, Token, Url, Workspace, connect
from freehold.cli.lifecycle import RootId, Scope, root_scope
from freehold.cli.printing import console, print_json, print_table

holds = typer.Typer(
    help="Legal holds: while one is in force, nothing that it covers can be erased or written over, by whatever verb.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    app.add_typer(holds, name="holds")


@holds.command("list")
def list_(
    lifted: Annotated[bool, typer.Option("--lifted", help="Lifted ones too.")] = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """The holds of a workspace that are in force, newest first.

    One on a container above holds what is in the workspace, too: list that container's with --workspace.
    """
    with connect(data, url, token, workspace) as server:
        found = [each for each in server.holds() if lifted or each["lifted_at"] is None]
    print_json(found) if as_json else _print(found)


@holds.command()
def place(
    scope: Scope,
    reason: Annotated[str, typer.Option(help="Why: a case number, say. Whoever may read the workspace sees it.")],
    id: RootId = None,
    data: Data = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Place a hold on one thing, or on a whole workspace with all below it. It holds until an owner lifts it.

    What may go on meanwhile: new runs, metrics, tags, versions. What is refused: erasing, deleting, replacing.
    """
    root = root_scope(scope, id, workspace)
    with connect(data, url, token, workspace) as server:
        made = server.place_hold(root, id, reason=reason)
    if as_json:
        print_json(made)
    else:
        console.print(f"[green]✓[/] hold {made['id']} is in force · lift it: freehold holds lift {made['id']}")


@holds.command()
def lift(
    hold: Annotated[str, typer.Argument(help="Id of a hold, as `freehold holds list` has it.")],
    data: Data = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Lift a hold: what only it covered can be erased again. It stays in the list, with the time."""
    with connect(data, url, token, workspace) as server:
        lifted = server.lift_hold(hold)
    print_json(lifted) if as_json else console.print(f"[green]✓[/] hold {lifted['id']} is lifted")


def _print(found: list[dict[str, Any]]) -> None:
    table = Table(box=None, header_style="bold")
    for title in ("hold", "on", "placed", "lifted", "reason"):
        table.add_column(title, no_wrap=title == "hold", overflow="fold")
    for each in found:
        on, lifted = f"{each['scope']} {each['root_id'] or ''}", (each["lifted_at"] or "")[:10]
        table.add_row(each["id"], on, each["created_at"][:10], lifted, Text(each["reason"]))
    print_table(table, "no holds")

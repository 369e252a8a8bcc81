"""Commands of leaving and forgetting: export, erase."""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from freehold.cli.bag_place import BagPlace
from freehold.cli.certificates import warn_of_closed_log
from freehold.cli.connection import AsJson, Data, Token, Url, Workspace, connect
from freehold.cli.failure import Failure
from freehold.cli.fetching import Keep, To, bring_home, told_counts
from freehold.cli.increments import Since, begin_increment
from freehold.cli.printing import console, counted, human_bytes, print_json, print_table
from freehold.cli.watching import watch
from freehold.client import Plan

ScopeName = Literal[
    "workspace",
    "experiment",
    "run",
    "asset",
    "model",
    "manifest",
    "image",
    "service",
    "compute",
    "datastore",
    "dataset",
    "pipeline_object",
    "pipeline_draft",
    "task",
    "notification",
    "project",
    "account",
    "draft",
]
Scope = Annotated[
    ScopeName,
    typer.Argument(
        help="What it is. `workspace` is any container, with all below it: that of --workspace, which `project` and "
        "`account` say, too, and are checked. `draft` is `pipeline_draft`."
    ),
]
RootId = Annotated[
    str | None,
    typer.Argument(
        help="Its id; or its name, of an experiment, dataset, datastore, compute or service; or name:version, of a "
        "model, image or manifest. None for a workspace."
    ),
]


Alone = Annotated[bool, typer.Option("--alone", help="Of a container without what stands below it.")]

CONTAINERS: dict[str, tuple[str, ...]] = {
    "project": ("project",),
    "account": ("experimentation_account", "hosting_account"),
}


def register(app: typer.Typer) -> None:
    app.command()(export)
    app.command()(erase)


def export(
    scope: Scope,
    id: RootId = None,
    to: To = "bag.tar",
    since: Since = None,
    keep: Keep = False,
    alone: Alone = False,
    planned: Annotated[
        str | None, typer.Option("--plan", help="Digest of `freehold plan export`: refuse if that is another by now.")
    ] = None,
    data: Data = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Take a container with all below it, or one thing in it, out as a bag, verify it, and drop the server's copy.

    With --since only what changed since another bag: an increment, which `freehold combine` makes whole again. If this
    command is stopped, the export goes on, and `freehold fetch` brings its bag.
    """
    root = root_scope(scope, id, workspace)
    check_alone(root, alone)
    if planned and since:
        raise Failure("WrongArguments", "--plan is for whole exports: an increment's plan is what has changed.", 2)
    place = BagPlace.of(to, data)
    with place, connect(data, url, token, workspace) as server:
        begun = (
            begin_increment(server, root, id, since, alone=alone)
            if since
            else server.export(root, id, alone=alone, plan_digest=planned)
        )
        bring_home(server, begun, place, keep=keep, as_json=as_json)


def erase(
    scope: Scope,
    id: RootId = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    planned: Annotated[
        str | None, typer.Option("--plan", help="Digest of `freehold plan erase`: refuse if that is another by now.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the plan.")] = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Erase a workspace, or one thing in it, for good, and have it proved gone. Prints the plan and asks first."""
    root = root_scope(scope, id, workspace)
    if as_json and not (yes or dry_run):
        raise Failure("WrongArguments", "With --json nobody is asked: add --yes to erase, or --dry-run to see.", 2)
    with connect(data, url, token, workspace) as server:
        plan = server.plan_erasure(root, id)
        if not as_json:
            _print_with_digest(plan)
        if planned not in (None, plan["digest"]):
            message = "The plan has changed since. Look at this one, and confirm it by its digest."
            raise Failure("PlanChanged", message, more={"plan": plan})
        if dry_run and as_json:
            print_json(plan)
        if dry_run:
            return
        if not yes and not typer.confirm("Erase this for good? It cannot be undone.", default=False):
            raise Failure("NotErased", "Nothing was erased.")
        operation = watch(server, server.erase(root, id, plan_digest=plan["digest"]), quiet=as_json)
        certificate = server.certificate(operation.id)
    if as_json:
        print_json({"operation": msgspec.to_builtins(operation), "certificate": msgspec.to_builtins(certificate)})
        return
    statement = certificate.statement
    console.print(f"[green]✓[/] level reached: [bold]{statement['level']}[/] · {told_counts(statement)}")
    console.print(f"  its certificate: freehold certificate {certificate.id}", soft_wrap=True)
    warn_of_closed_log(certificate)


def root_scope(scope: ScopeName, id: str | None, workspace: str | None) -> str:
    """The scope as the server calls it. Raises Failure where the id or the container does not fit it."""
    called = "workspace" if scope in CONTAINERS else "pipeline_draft" if scope == "draft" else scope
    check_root(called, id)
    if scope in CONTAINERS and _kind_at(workspace or "") not in CONTAINERS[scope]:
        message = f"`{scope}` is the container at the ARM path of --workspace, and there is no {scope} at that path."
        raise Failure("WrongArguments", message, 2)
    return called


def _kind_at(path: str) -> str | None:
    """What kind of container an ARM path is of."""
    from freehold.domain.access.kinds import parse

    _, slash, below = path.partition("/providers/")
    found = parse(f"providers/{below}") if slash else None
    return found[0].value if found else None


def check_root(scope: str, id: str | None) -> None:
    if (scope == "workspace") != (id is None):
        its_own = f"the {scope}'s id, or what else `--help` says that it may be called"
        wanted = "no id: name another workspace with --workspace" if scope == "workspace" else its_own
        raise Failure("WrongArguments", f"`{scope}` takes {wanted}.", 2)


def check_alone(scope: str, alone: bool) -> None:
    if alone and scope != "workspace":
        raise Failure("WrongArguments", "--alone is for a `workspace`: nothing else has containers below it.", 2)


def print_objects(plan: Plan) -> None:
    """Of a plan of either kind: files and bytes by prefix."""
    for each in plan["objects"]:
        files = counted(each["count"], "file", "files")
        if each["count"]:
            console.print(f"  {files} of {each['prefix']}, {human_bytes(each['bytes'])}", markup=False)


def print_plan(plan: Plan) -> None:
    table = Table(box=None, header_style="bold", title="What will be erased", title_justify="left")
    table.add_column("record")
    table.add_column("rows", justify="right")
    table.add_column("bytes", justify="right")
    for step in plan["steps"]:
        table.add_row(step["record"], f"{step['count']:,}", human_bytes(step["bytes"]) if step["bytes"] else "")
    print_table(table, "No rows will be erased.")
    print_objects(plan)
    for hold in plan["holds"]:
        console.print(f"  [red]forbidden by the legal hold {hold}[/] (freehold holds list)")
    for each in plan["conflicts"]:
        console.print(f"  [red]still needed by {', '.join(each['needed_by']) or each['record']}[/]")
    for copy in plan["copies"]:
        console.print(f"  [yellow]also goes:[/] the bag of export {copy['operation_id']} that lies on this server")
    print_staying(plan["retained"])
    console.print("  [dim]not covered:[/]")
    for each in plan["not_covered"]:
        console.print(f"  [dim]- {escape(each)}[/]", soft_wrap=True)


def _print_with_digest(plan: Plan) -> None:
    print_plan(plan)
    print_digest("erase", plan)


def print_staying(kept: Iterable[dict[str, str]]) -> None:
    """Each reason once, with all that stays for it."""
    records: dict[str, list[str]] = {}
    for each in kept:
        records.setdefault(each["because"], []).append(each["record"])
    console.print("  [dim]stays on the server:[/]")
    for because, names in records.items():
        console.print(f"  [dim]- {escape(because)}: {', '.join(names)}[/]", soft_wrap=True)


def print_digest(verb: str, plan: Plan) -> None:
    said = f"digest of this plan, for `freehold {verb} --plan`: {plan['digest']}"
    console.print(f"  [dim]{said}[/]", soft_wrap=True)

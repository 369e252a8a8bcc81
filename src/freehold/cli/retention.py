"""Commands of letting go by rule: retention show, set, preview, clear; and purge."""

from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from freehold.cli.certificates import warn_of_closed_log
from freehold.cli.connection import AsJson, Data, Token, Url, Workspace, connect
from freehold.cli.failure import Failure
from freehold.cli.lifecycle import print_plan
from freehold.cli.printing import console, human_bytes, print_json, print_table
from freehold.cli.watching import watch
from freehold.client import Certificate, Freehold

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
SHOWN = 20
retention = typer.Typer(help="How long a workspace keeps its runs: show, set, preview or clear its policy.")


def register(app: typer.Typer) -> None:
    app.add_typer(retention, name="retention")
    app.command()(purge)


@retention.command()
def show(
    data: Data = None, url: Url = None, token: Token = None, workspace: Workspace = None, as_json: AsJson = False
) -> None:
    """The policy in force, and whether it is at work."""
    with connect(data, url, token, workspace) as server:
        found = server.retention()
    if as_json:
        print_json(found)
        return
    _print_policy(found["policy"])
    console.print(f"  version {found['version']}, set {found['set_at'][:19]}, next look {found['next_look_at'][:19]}")
    if not found["clock_believed"]:
        console.print("  [yellow]the clock may have jumped: nothing is erased until it has gone on evenly for a day[/]")


@retention.command("set")
def set_(
    older_than: Annotated[int | None, typer.Option(help="Erase runs made more than so many days ago.")] = None,
    keep_last: Annotated[int | None, typer.Option(help="… but keep the last so many of each experiment.")] = None,
    restore_days: Annotated[
        int | None,
        typer.Option(help="Erase what was deleted so many days ago; until then it can be restored."),
    ] = None,
    exempt_tag: Annotated[
        list[str] | None, typer.Option(help="Keep runs with this tag, KEY or KEY=VALUE, on them or their experiment.")
    ] = None,
    registered_too: Annotated[
        bool, typer.Option("--registered-too", help="Also runs that models were made of.")
    ] = False,
    unfinished_too: Annotated[bool, typer.Option("--unfinished-too", help="Also runs that have not ended.")] = False,
    yes: Yes = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Set the policy in place of the one in force. Prints what it would erase now, and asks first.

    With both --older-than and --keep-last a run goes when it is old and not among the last ones.
    """
    if as_json and not yes:
        raise Failure("WrongArguments", "With --json nobody is asked: add --yes, or use `retention preview`.", 2)
    policy = _policy(older_than, keep_last, restore_days, exempt_tag or [], registered_too, unfinished_too)
    with connect(data, url, token, workspace) as server:
        if not as_json:
            _print_preview(_all_pages(server, policy, "due"))
        if not yes and not typer.confirm("Set this policy? What is due is erased for good.", default=False):
            raise Failure("NotSet", "The policy was not changed.")
        made = server.set_retention(policy)
    if as_json:
        print_json(made)
    else:
        console.print(f"[green]✓[/] policy set, version {made['version']}")


@retention.command()
def preview(
    spared: Annotated[bool, typer.Option("--spared", help="List what is spared, and why.")] = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """What the policy in force would erase now, how much that is, what is spared and why. Nothing is changed."""
    with connect(data, url, token, workspace) as server:
        found = _all_pages(server, None, "spared" if spared else "due")
    print_json(found) if as_json else _print_preview(found)


@retention.command()
def clear(
    data: Data = None, url: Url = None, token: Token = None, workspace: Workspace = None, as_json: AsJson = False
) -> None:
    """Clear the policy: from now on nothing is erased by itself."""
    with connect(data, url, token, workspace) as server:
        server.clear_retention()
    print_json({"cleared": True}) if as_json else console.print("[green]✓[/] policy cleared")


def purge(
    before: Annotated[str | None, typer.Option(help="Only what was set aside until then (ISO 8601).")] = None,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the plan.")] = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Erase for good what MLflow's delete has set aside, in parts of 200. Prints the plan and asks first."""
    if as_json and not (yes or dry_run):
        raise Failure("WrongArguments", "With --json nobody is asked: add --yes to purge, or --dry-run to see.", 2)
    with connect(data, url, token, workspace) as server:
        plan = server.plan_purge(before)
        if dry_run or not as_json:
            print_json(plan) if as_json else _print_purge(plan)
        if dry_run:
            return
        if plan["total"] and not yes and not typer.confirm("Erase this for good? It cannot be undone.", default=False):
            raise Failure("NotErased", "Nothing was erased.")
        certificates = _purge_all(server, plan, quiet=as_json)
    if as_json:
        print_json({"certificates": [each.id for each in certificates], "held": plan["held"]})
    else:
        ids = ", ".join(each.id for each in certificates)
        console.print(f"[green]✓[/] purged {plan['total']} · certificates {ids or 'none'}")
        for last in certificates[-1:]:
            warn_of_closed_log(last)


def _purge_all(server: Freehold, plan: dict[str, Any], *, quiet: bool) -> list[Certificate]:
    """Part by part, and nothing that is set aside after the plan was shown."""
    certificates = []
    before = plan["before"]
    while plan["total"]:
        operation = watch(server, server.purge(before, plan_digest=plan["plan"]["digest"]), quiet=quiet)
        certificates.append(server.certificate(operation.id))
        plan = server.plan_purge(before)
    return certificates


def _policy(
    older_than: int | None,
    keep_last: int | None,
    restore_days: int | None,
    exempt_tags: list[str],
    registered_too: bool,
    unfinished_too: bool,
) -> dict[str, Any]:
    rule = {"older_than_days": older_than, "keep_last": keep_last}
    said = {name: value for name, value in rule.items() if value is not None}
    return {
        "restore_days": restore_days,
        "rules": [said] if said else [],
        "exempt_tags": [_tag(each) for each in exempt_tags],
        "registered_too": registered_too,
        "unfinished_too": unfinished_too,
    }


def _tag(text: str) -> dict[str, str]:
    key, equals, value = text.partition("=")
    return {"key": key, "value": value} if equals else {"key": key}


def _all_pages(server: Freehold, policy: dict[str, Any] | None, show: str) -> dict[str, Any]:
    """All pages as one: what is listed, and rows and bytes of what goes, summed."""
    page = server.preview_retention(policy, show=show)
    whole: dict[str, Any] = {"as_of": page["as_of"], "counts": page["counts"], "value": [], "rows": 0, "bytes": 0}
    while True:
        whole["value"] += page["value"]
        whole["rows"] += sum(step["count"] for step in page["plan"]["steps"])
        for part in (*page["plan"]["steps"], *page["plan"]["objects"]):
            whole["bytes"] += part["bytes"]
        if page["next"] is None:
            return whole
        page = server.preview_retention(policy, show=show, after=page["next"])


def _print_preview(found: dict[str, Any]) -> None:
    table = Table(box=None, header_style="bold")
    for title in ("what", "id", "experiment", "made", "because"):
        table.add_column(title)
    for each in found["value"][:SHOWN]:
        table.add_row(each["scope"], each["id"], each["experiment"], each["created_at"][:10], each["because"])
    print_table(table, "nothing is due")
    if len(found["value"]) > SHOWN:
        console.print(f"  [dim]and {len(found['value']) - SHOWN} more: --json lists all[/]")
    counts = found["counts"]
    spared = ", ".join(f"{number} {name}" for name, number in counts.items() if number and name != "due")
    console.print(f"  due: [bold]{counts['due']}[/] · spared: {spared or 'none'} (as of {found['as_of'][:19]})")
    if found["rows"]:
        console.print(f"  goes: {found['rows']:,} rows, {human_bytes(found['bytes'])}")


def _print_purge(plan: dict[str, Any]) -> None:
    console.print(f"set aside and free to go: [bold]{plan['total']}[/] · under legal holds: {plan['held']}")
    if plan["total"]:
        print_plan(plan["plan"])


def _print_policy(policy: dict[str, Any]) -> None:
    for rule in policy.get("rules", []):
        age = f"older than {rule['older_than_days']} days" if "older_than_days" in rule else ""
        count = f"not among the last {rule['keep_last']} of its experiment" if "keep_last" in rule else ""
        console.print(f"erases a run that is {' and '.join(filter(None, (age, count)))}")
    days = policy.get("restore_days")
    window = f"for {days} days, then it is erased" if days else "until somebody erases or purges it"
    console.print(f"what is set aside can be restored {window}")
    for tag in policy.get("exempt_tags", []):
        console.print(f"  spares runs tagged {msgspec.json.encode(tag).decode()}", markup=False)

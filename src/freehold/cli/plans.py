"""Commands that look ahead and change nothing: plan, catalogue."""

from difflib import get_close_matches
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from freehold.cli.connection import AsJson, Data, Token, Url, Workspace, connect
from freehold.cli.failure import Failure
from freehold.cli.increments import Since, begin_increment
from freehold.cli.lifecycle import (
    Alone,
    RootId,
    Scope,
    check_alone,
    print_digest,
    print_objects,
    print_plan,
    print_staying,
    root_scope,
)
from freehold.cli.printing import console, human_bytes, print_json, print_table
from freehold.cli.watching import watch

Verb = Annotated[Literal["erase", "export"], typer.Argument(help="What to plan.")]


def register(app: typer.Typer) -> None:
    app.command()(plan)
    app.command("catalogue")(show_catalogue)


def plan(
    verb: Verb,
    scope: Scope,
    id: RootId = None,
    alone: Alone = False,
    since: Since = None,
    data: Data = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """What an erasure or an export would do, with counts and bytes, what stays and why. Nothing is changed."""
    root = root_scope(scope, id, workspace)
    check_alone(root, alone)
    if alone and verb == "erase":
        raise Failure("WrongArguments", "--alone is for exports: what stands below a container goes with it.", 2)
    if since is not None:
        if verb == "erase":
            raise Failure("WrongArguments", "--since goes with export: an erasure takes all.", 2)
        with connect(data, url, token, workspace) as server:
            begun = begin_increment(server, root, id, since, alone=alone, dry_run=True)
            ended = watch(server, begun, quiet=as_json)
        counts = (ended.result or {})["counts"]
        print_json(counts) if as_json else _print_increment(counts)
        return
    with connect(data, url, token, workspace) as server:
        found = server.plan_erasure(root, id) if verb == "erase" else server.plan_export(root, id, alone=alone)
    if as_json:
        print_json(found)
    elif verb == "erase":
        print_plan(found)
        print_digest("erase", found)
    else:
        _print_export(found)


def show_catalogue(
    record: Annotated[str | None, typer.Argument(help="One record, with its fields; all records if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Every stored field: whose it is, whether it is about a person, how it leaves, how it dies. Needs no server."""
    from freehold.lifecycle.explain import explain, explain_all, explain_places
    from freehold.records.catalogue import catalogue

    records = catalogue()
    if record is not None and record not in records:
        near = get_close_matches(record, records, n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(sorted(records))}."
        raise Failure("NoSuchRecord", f"There is no record {record!r}. {hint}", 2)
    if as_json:
        print_json(explain(records[record]) if record else explain_all())
    elif record:
        _print_record(explain(records[record]))
    else:
        _print_records(explain_all())
        _print_places(explain_places())


def _print_export(found: dict[str, Any]) -> None:
    table = Table(box=None, header_style="bold", title="What would leave", title_justify="left")
    table.add_column("record")
    table.add_column("rows", justify="right")
    table.add_column("bytes", justify="right")
    for each in found["records"]:
        if each["rows"]:
            table.add_row(each["record"], f"{each['rows']:,}", human_bytes(each["bytes"]) if each["bytes"] else "")
    if found["metric_points"]:
        table.add_row("metric points", f"{found['metric_points']:,}", human_bytes(found["metric_bytes"]))
    print_table(table, "No rows would leave.")
    if len(found["containers"]) > 1:
        console.print(f"  from {len(found['containers']):,} containers: {', '.join(found['containers'])}", markup=False)
    print_objects(found)
    print_staying(found["withheld"])
    print_digest("export", found)


def _print_increment(counts: dict[str, int]) -> None:
    table = Table(box=None, header_style="bold", title="What would leave: new or changed", title_justify="left")
    table.add_column("record")
    table.add_column("rows", justify="right")
    told = ("unchanged_rows", "gone_rows", "gone_files", "file_bytes")
    for name, count in counts.items():
        if count and name not in told:
            table.add_row(name.replace("_", " "), f"{count:,}")
    print_table(table, "No rows would leave: none is new or changed.")
    console.print(f"  files of {human_bytes(counts['file_bytes'])}")
    console.print(f"  unchanged in the base: {counts['unchanged_rows']:,} rows and points")
    console.print(f"  gone since: {counts['gone_rows']:,} rows and points, {counts['gone_files']:,} files")


def _print_records(found: list[dict[str, Any]]) -> None:
    table = Table(box=None, header_style="bold")
    for title in ("record", "container", "export", "erasure", "retention"):
        table.add_column(title)
    for each in found:
        table.add_row(each["record"], each["container"], each["export"], each["erasure"], each["retention"])
    console.print(table)


def _print_places(found: list[dict[str, Any]]) -> None:
    table = Table(box=None, header_style="bold", title="Besides records, in the data folder", title_justify="left")
    table.add_column("place", no_wrap=True)
    for title in ("files", "holds", "searched by erasures", "forgotten"):
        table.add_column(title)
    for each in found:
        searched = "yes" if each["is_searched"] else f"no: {each['because']}"
        table.add_row(each["place"], ", ".join(each["files"]), each["holds"], searched, each["forgotten"])
    console.print(table)


def _print_record(found: dict[str, Any]) -> None:
    console.print(f"[bold]{found['record']}[/]  {found['meaning']}", soft_wrap=True)
    for name in ("container", "export", "erasure", "retention", "writes"):
        console.print(f"  [dim]{name}[/]  {found[name]}", soft_wrap=True)
    table = Table(box=None, header_style="bold")
    for title in ("field", "what", "about", "link", "when that is erased"):
        table.add_column(title)
    for each in found["fields"]:
        table.add_row(each["field"], each["what"], each["personal"] or "", each["link"] or "", each["fate"] or "")
    console.print(table)

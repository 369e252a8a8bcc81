"""The command that fetches a certificate."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from freehold.cli.connection import AsJson, Data, Token, Url, connect
from freehold.cli.failure import Failure
from freehold.cli.fetching import told_counts
from freehold.cli.printing import console, print_json
from freehold.client.documents import Certificate

TIMES = {"asked for": "requested_at", "erased": "erased_at", "verified": "verified_at"}


def register(app: typer.Typer) -> None:
    app.command()(certificate)


def certificate(
    id: Annotated[str, typer.Argument(help="Id of an erasure's operation, or of the certificate itself.")],
    to: Annotated[Path | None, typer.Option(help="New file to keep the signed statement (JWS) in.")] = None,
    data: Data = None,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the certificate of an erasure: what was reached, when, and what it does not cover.

    `freehold log verify --certificate FILE` verifies what --to kept, or what --json printed.
    """
    with connect(data, url, token) as server:
        found = server.certificate(id)
    if to is not None:
        _keep(found.jws, to)
    if as_json:
        print_json(msgspec.to_builtins(found))
    else:
        _print(found)
        warn_of_closed_log(found)
        if to is not None:
            console.print(f"[green]✓[/] signed statement in {to}", soft_wrap=True)


def warn_of_closed_log(found: Certificate) -> None:
    """A certificate that nobody can look up is worth less than it looks."""
    if found.log_closed is not None:
        said = f"the certificate stands in no log that can be fetched ({found.log_closed.code}):"
        console.print(f"  [yellow]{said}[/] {escape(found.log_closed.message)}", soft_wrap=True)


def _keep(jws: str, to: Path) -> None:
    try:
        with to.open("x", encoding="utf-8") as file:
            file.write(jws + "\n")
    except FileExistsError:
        raise Failure("WrongArguments", f"There is something at {to} already. --to names a new file.", 2) from None


def _print(found: Certificate) -> None:
    said = found.statement
    console.print(f"[bold]{found.id}[/] of operation {found.operation_id}", soft_wrap=True)
    times = (f"{name} {said[field][:19]}" for name, field in TIMES.items() if said.get(field))
    for line in (
        f"{found.kind} of {said['scope']}, level reached: {said['level']}",
        " · ".join(times),
        told_counts(said),
        *(f"not covered: {each}" for each in said["not_covered"]),
    ):
        console.print(f"  {line}", markup=False, soft_wrap=True)

"""How a command reaches the server: by flags, by environment, or the one that serves the data folder here."""

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from freehold.cli.failure import Failure
from freehold.cli.serving import settings_of
from freehold.settings import Settings

if TYPE_CHECKING:
    from freehold.client import Freehold

LOCK_FILE = "server.lock"
ARM_PATH = "/subscriptions/"

Data = Annotated[str | None, typer.Option("--data", help="Data folder of a server on this machine.")]
Url = Annotated[str | None, typer.Option("--url", help="Server address; else FREEHOLD_URL, else the data folder's.")]
Token = Annotated[str | None, typer.Option("--token", help="Bearer token; else FREEHOLD_TOKEN, else a local one.")]
Workspace = Annotated[
    str | None, typer.Option("--workspace", help="ARM path of a workspace; the default one if left out.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def connect(data: str | None, url: str | None, token: str | None, workspace: str | None = None) -> "Freehold":
    """Raises Failure when no server is known or no token can be had, or `workspace` is no path of a container."""
    from freehold.client import Freehold  # late: a server needs no client

    if workspace is not None and not workspace.lower().startswith(ARM_PATH):
        message = "--workspace takes an ARM path: /subscriptions/…/resourceGroups/…/providers/…/workspaces/NAME."
        raise Failure("WrongArguments", message, 2)
    settings = settings_of(data)
    given = (token or os.environ.get("FREEHOLD_TOKEN") or "").strip()  # a file of it may end with a line's end
    if given and not given.isprintable():
        message = "The token of --token or FREEHOLD_TOKEN is none: it has an end of line or the like in it."
        raise Failure("WrongArguments", message, 2)
    shown = given or partial(_local_token, settings)  # one expires after an hour
    ca_file = settings.key_folder / "tls" / "ca.pem"
    where = address_of(settings, url)
    return Freehold(where, shown, workspace=workspace, ca_file=str(ca_file) if ca_file.exists() else None)


def address_of(settings: Settings, url: str | None) -> str:
    """Raises Failure where no server is known."""
    return url or os.environ.get("FREEHOLD_URL") or serving_url(settings.data_folder)


def serving_url(folder: Path) -> str:
    """Where the server of this data folder listens."""
    try:
        where = msgspec.json.decode((folder / LOCK_FILE).read_bytes(), type=dict[str, Any])
        return str(where["http"])
    except (OSError, msgspec.DecodeError, KeyError):
        message = f"No server serves {folder}. Start one with `freehold serve --data {folder}`, or give --url."
        raise Failure("ServerUnreachable", message, 3) from None


def _local_token(settings: Settings) -> str:
    from freehold.cli.local import mint_token

    return mint_token(settings)

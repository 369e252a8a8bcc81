"""Commands on this machine's data folder: serve, token, version."""

import os
from pathlib import Path
from typing import Annotated

import typer

import freehold
from freehold.cli.connection import AsJson, Data
from freehold.cli.failure import Failure
from freehold.cli.serving import run_server, settings_of
from freehold.settings import Settings

Flag = typer.Option


def register(app: typer.Typer) -> None:
    app.command()(serve)
    app.command()(token)
    app.command()(version)


def serve(
    data: Data = None,
    host: Annotated[str | None, Flag(help="Address to listen on (127.0.0.1).")] = None,
    http_port: Annotated[int | None, Flag(help="Plain HTTP (8080); 0 takes a free port.")] = None,
    https_port: Annotated[int | None, Flag(help="HTTPS with the server's own CA (8443); 0 takes a free port.")] = None,
    database: Annotated[str | None, Flag(help="A postgresql:// URL; SQLite in the data folder if left out.")] = None,
    objects: Annotated[str | None, Flag(help="file://, s3://, az://, gs://; the data folder if left out.")] = None,
    keys: Annotated[str | None, Flag(help="Folder of the keys; `keys` in the data folder if left out.")] = None,
    log_level: Annotated[str | None, Flag(help="debug, info, warning or error (info).")] = None,
) -> None:
    """Run the server. Each setting can also come from FREEHOLD_… or from freehold.toml in the data folder."""
    flags = {"host": host, "http_port": http_port, "https_port": https_port, "database": database}
    flags |= {"objects": objects, "keys": keys, "log_level": log_level}
    run_server(settings_of(data, **flags))


def token(data: Data = None, as_json: AsJson = False) -> None:
    """Print a bearer token of the owner, for this machine's server. It holds for an hour."""
    from freehold.cli.printing import print_json

    text = mint_token(settings_of(data))
    if as_json:
        print_json({"access_token": text, "token_type": "Bearer"})
    else:
        typer.echo(text)


def version(as_json: AsJson = False) -> None:
    """Print the version."""
    from freehold.cli.printing import console, print_json

    if as_json:
        print_json({"version": freehold.__version__})
    else:
        console.print(f"Freehold {freehold.__version__}")


def mint_token(settings: Settings) -> str:
    """A token of the owner, signed with the keys of this machine's data folder. Raises Failure."""
    from freehold.domain.access.authority import OWN_AUDIENCE
    from freehold.domain.access.owner import mint_for_owner
    from freehold.kit.clock import SystemClock
    from freehold.kit.problems import Problem
    from freehold.storage.keys import KeyStore

    if not _is_readable(settings.key_folder):
        message = (
            f"There are no keys in {settings.key_folder}. Start a server once (`freehold serve`), name its data "
            "folder with --data, or bring a token of your own in FREEHOLD_TOKEN."
        )
        raise Failure("NoKeys", message, 3)
    clock = SystemClock()
    try:
        return mint_for_owner(KeyStore(settings.key_folder, clock), clock, OWN_AUDIENCE)
    except Problem as fault:
        raise Failure(fault.code, fault.message) from None


def _is_readable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.R_OK)

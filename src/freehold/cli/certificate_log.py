"""Commands of the certificate log: show its head, verify all of it, begin another after certificates were lost."""

from pathlib import Path
from typing import Annotated
from urllib.error import URLError

import typer

from freehold.cli.connection import AsJson, Data, Url, address_of
from freehold.cli.failure import Failure
from freehold.cli.printing import console, print_json
from freehold.cli.serving import settings_of

log = typer.Typer(name="log", help="The tamper-evident log of certificates.", no_args_is_help=True)
Keys = Annotated[str | None, typer.Option("--keys", help="Folder of the keys, if it is not in the data folder.")]


def register(app: typer.Typer) -> None:
    app.add_typer(log)


@log.command()
def show(data: Data = None, url: Url = None, as_json: AsJson = False) -> None:
    """Print the signed head of the log and the keys that verify it."""
    from freehold.lifecycle.log import verify_log

    where = _address(data, url)
    try:
        note = verify_log.read(where, "checkpoint").decode()
        keys = verify_log.read(where, "key").decode().split()
    except URLError as fault:
        raise _unreachable(where, fault) from None
    except (verify_log.LogFault, OSError) as fault:
        raise Failure("LogUnreadable", str(fault)) from None
    if as_json:
        print_json({"checkpoint": note, "keys": keys})
    else:
        console.print(note, markup=False, highlight=False, soft_wrap=True)
        for key in keys:
            console.print(key, markup=False, highlight=False, soft_wrap=True)


@log.command()
def verify(
    key: Annotated[list[str] | None, typer.Option("--key", help="Verifier key you trust; else the log's own.")] = None,
    certificate: Annotated[
        list[Path] | None, typer.Option("--certificate", help="File with a certificate: JWS or JSON.")
    ] = None,
    certificate_key: Annotated[
        Path | None, typer.Option("--certificate-key", help="Key set (JWKS) you trust; else the server's own.")
    ] = None,
    older: Annotated[Path | None, typer.Option("--older", help="File with a checkpoint kept earlier.")] = None,
    save: Annotated[Path | None, typer.Option("--save", help="File to keep the checkpoint in.")] = None,
    data: Data = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Compute the whole log anew: signature, tree, tiles, certificates in it and their signatures, growth since
    an older checkpoint."""
    from freehold.lifecycle.log import verify_log

    where = _address(data, url)
    try:
        keys = key or verify_log.read(where, "key").decode().split()
        found = verify_log.verify(where, keys, verify_log.text_of(str(older)) if older else None)
        certificates = {str(path): verify_log.certificate_of(str(path)) for path in certificate or []}
        leaves = {path: verify_log.leaf_of(found, jws) for path, jws in certificates.items()}
        trusted = str(certificate_key) if certificate_key else None
        signers = verify_log.read_signers(where, trusted) if leaves else None
        for jws in certificates.values():
            verify_log.check_certificate(jws, signers or {})
    except URLError as fault:
        raise _unreachable(where, fault) from None
    except (verify_log.LogFault, OSError, ValueError) as fault:
        raise Failure("NotVerified", str(fault)) from None
    if save:
        save.write_text(found.note)
    if as_json:
        print_json({"origin": found.checkpoint.origin, "size": found.checkpoint.size, "leaves": leaves})
        return
    trust = "" if key else " · under the keys that it names itself: give --key"
    console.print(f"[green]✓[/] {found.checkpoint.origin} · {found.checkpoint.size} certificates{trust}")
    for path, leaf in leaves.items():
        console.print(f"  {path} is leaf {leaf}; {verify_log.said_of_signature(signers, trusted)}")


@log.command()
def begin_anew(data: Data = None, keys: Keys = None, as_json: AsJson = False) -> None:
    """After certificates were lost, while the server is stopped: end the log, begin another with a new key."""
    from freehold.app import DataFolderBusy, begin_log_anew

    settings = settings_of(data, keys=keys)
    if not settings.key_folder.is_dir():
        raise Failure("NoKeys", f"There are no keys in {settings.key_folder}. Name their folder with --keys.", 2)
    try:
        origin = begin_log_anew(settings)
    except DataFolderBusy as fault:
        raise Failure("DataFolderBusy", str(fault)) from None
    if as_json:
        print_json({"origin": origin})
    else:
        console.print(f"[green]✓[/] the log is now {origin}")


def _address(data: str | None, url: str | None) -> str:
    return f"{address_of(settings_of(data), url)}/freehold/v1/log"


def _unreachable(where: str, fault: URLError) -> Failure:
    return Failure("ServerUnreachable", f"No Freehold server answers at {where} ({fault.reason}).", 3)

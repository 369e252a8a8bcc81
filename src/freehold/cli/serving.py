"""What `freehold serve` does. Apart from the other commands: a server needs no typer, and no pydantic below it.

They would cost 20 MB for as long as the server runs, and 0.3 s of its start.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

import freehold
from freehold.cli.failure import Failure
from freehold.kit.memory import start_without_collecting
from freehold.settings import Settings, load_settings
from freehold.storage.cloud.places import place_of_objects

SERVE = "serve"


def plain_flags(arguments: Sequence[str]) -> dict[str, str] | None:
    """The settings in `serve --name value …`; None for all else: help, mistakes and other commands are typer's."""
    if arguments[:1] != [SERVE]:
        return None
    names = {"--" + name.replace("_", "-"): name for name in Settings.__struct_fields__}
    given = [part for argument in arguments[1:] for part in argument.split("=", 1)]
    flags, values = given[::2], given[1::2]
    if len(flags) != len(values) or not names.keys() >= set(flags):
        return None
    return {names[flag]: value for flag, value in zip(flags, values, strict=True)}


def settings_of(data: str | None = None, **flags: Any) -> Settings:
    try:
        settings = load_settings({"data": data, **flags}, os.environ)
        place_of_objects(settings)  # here, as every command may need it
        return settings
    except (ValueError, msgspec.ValidationError) as fault:
        raise Failure("InvalidSetting", str(fault), 2) from None


def run_server(settings: Settings) -> None:
    """Until it is told to stop. Raises Failure."""
    start_without_collecting()
    from freehold.app import DataFolderBusy, serve
    from freehold.storage.denied import denied_by
    from freehold.storage.portable import is_denied

    try:
        serve(settings, _tell(settings))
    except DataFolderBusy as fault:
        raise Failure("DataFolderBusy", str(fault)) from None
    except OSError as fault:
        place = f"{fault.filename}: " if fault.filename else ""
        raise Failure("CannotServe", f"{place}{fault.strerror or fault}") from None
    except Exception as fault:
        if not is_denied(fault):
            raise
        raise Failure("CannotServe", denied_by(fault, settings).message) from None


def _tell(settings: Settings) -> Callable[[str, str], None]:
    def tell(plain: str, secure: str) -> None:
        folder = settings.data_folder
        authority = settings.key_folder / "tls" / "ca.pem"
        print(f"Freehold {freehold.__version__} serves {folder}")
        print(f"  {plain}   MLflow, Freehold's own API")
        print(f"  {secure}   the same for clients that insist on TLS; CA: {authority}")
        print(f"  a way in: freehold token --data {folder}   (stop with Ctrl-C)", flush=True)

    return tell

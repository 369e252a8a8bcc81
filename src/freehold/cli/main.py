"""`freehold`: the commands. Exit codes: 0 done, 1 failed or not verified, 2 used wrongly, 3 no server answers."""

import sys
import warnings

import typer

from freehold.cli import local
from freehold.cli.failure import Failure

app = typer.Typer(
    name="freehold",
    help="A machine-learning workspace that you own outright: log, export whole, erase for good, prove it.\n\n"
    "Exit codes: 0 done · 1 failed or not verified · 2 used wrongly · 3 no server answers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
local.register(app)


def main() -> None:
    # joserfc warns that RFC 9864 prefers the name Ed25519 over EdDSA; verifiers out there know the older name.
    warnings.filterwarnings("ignore", message="EdDSA is deprecated")
    if sys.argv[1:2] != ["serve"]:
        _add_the_others()
    try:
        app()
    except Exception as fault:
        sys.exit(_tell(fault))


def _add_the_others() -> None:
    """All that a server does without: it starts faster and keeps 15 MB less when client and printing stay out."""
    from freehold.cli import backups, lifecycle, watching
    from freehold.cli.demo.flow import demo

    for commands in (lifecycle, watching, backups):
        commands.register(app)
    app.command()(demo)


def _tell(fault: Exception) -> int:
    """The exit code. Raises what is no answer of ours."""
    from freehold.cli.printing import fail
    from freehold.client import FreeholdError

    if isinstance(fault, Failure):
        return fail(fault.code, str(fault), fault.exit_code)
    if isinstance(fault, FreeholdError):
        return fail(fault.code, str(fault), 3 if fault.code == "ServerUnreachable" else 1)
    raise fault


if __name__ == "__main__":
    main()

"""`freehold`: the commands. Exit codes: 0 done, 1 failed or not verified, 2 used wrongly, 3 no server answers."""

import sys
import warnings

import typer

from freehold.cli import backups, lifecycle, local, watching
from freehold.cli.demo.flow import demo
from freehold.cli.printing import Failure, fail
from freehold.client import FreeholdError

app = typer.Typer(
    name="freehold",
    help="A machine-learning workspace that you own outright: log, export whole, erase for good, prove it.\n\n"
    "Exit codes: 0 done · 1 failed or not verified · 2 used wrongly · 3 no server answers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
local.register(app)
lifecycle.register(app)
watching.register(app)
backups.register(app)
app.command()(demo)


def main() -> None:
    # joserfc warns that RFC 9864 prefers the name Ed25519 over EdDSA; verifiers out there know the older name.
    warnings.filterwarnings("ignore", message="EdDSA is deprecated")
    try:
        app()
    except FreeholdError as fault:
        sys.exit(fail(fault.code, str(fault), 3 if fault.code == "ServerUnreachable" else 1))
    except Failure as fault:
        sys.exit(fail(fault.code, str(fault), fault.exit_code))


if __name__ == "__main__":
    main()

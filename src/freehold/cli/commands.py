"""All commands, as typer knows them."""

import typer

from freehold.cli import backups, certificate_log, imports, increments, lifecycle, local, plans, retention, watching
from freehold.cli.demo.flow import demo

app = typer.Typer(
    name="freehold",
    help="A machine-learning workspace that you own outright: log, export whole, erase for good, prove it.\n\n"
    "Exit codes: 0 done · 1 failed or not verified · 2 used wrongly · 3 no server answers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for commands in (local, lifecycle, increments, imports, plans, retention, watching, backups, certificate_log):
    commands.register(app)
app.command()(demo)

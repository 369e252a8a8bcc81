"""All commands, as typer knows them; or those of the one module that is asked for, which begin a tenth of a second
sooner."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module

import typer

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "local": ("serve", "token", "version"),
    "lifecycle": ("export", "erase"),
    "fetching": ("fetch",),
    "verifying": ("verify",),
    "increments": ("combine",),
    "imports": ("import",),
    "plans": ("plan", "catalogue"),
    "retention": ("retention", "purge"),
    "holds": ("holds",),
    "watching": ("operations",),
    "backups": ("backup", "restore", "rotate-keys"),
    "certificates": ("certificate",),
    "certificate_log": ("log",),
    "demo.flow": ("demo",),
}
"""The modules in the order of the help, and the commands that each registers."""


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """What runs `arguments`; help and mistakes need all commands."""
    asked = [module for module, names in COMMANDS.items() if arguments and arguments[0] in names]
    return app_of(asked or COMMANDS)


def app_of(modules: Iterable[str]) -> typer.Typer:
    app = typer.Typer(
        name="freehold",
        help="A machine-learning workspace that you own outright: log, export whole, erase for good, prove it.\n\n"
        "Exit codes: 0 done · 1 failed or not verified · 2 used wrongly · 3 no server answers · 130 stopped.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    app.callback()(_nothing_before)
    for module in modules:
        import_module(f"freehold.cli.{module}").register(app)
    return app


def _nothing_before() -> None:
    """Typer makes a lone command the whole program, unless something stands before it."""

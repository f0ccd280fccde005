"""``dreammaker backtest``: the group; each of its commands is a module of its own."""

from importlib import import_module

import typer

HELP = """Run strategies over recorded or generated days, keep what came of it, check its fills.

Every run is stored by a hash of configuration, data and program, with its report.
"""

COMMANDS = ("backtest_runs", "calibrate_queue")
"""Modules of ``dreammaker.app.commands``; each has ``register(group: typer.Typer) -> None``."""


def register(app: typer.Typer) -> None:
    """Add the group and its commands to the program."""
    group = typer.Typer(help=HELP, no_args_is_help=True)
    # With a callback a group of one command stays a group.
    group.callback()(lambda: None)
    for name in COMMANDS:
        import_module(f"dreammaker.app.commands.{name}").register(group)
    app.add_typer(group, name="backtest")

"""``dreammaker run``: one session from a configuration file."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dreammaker.app.session_run import run_session
from dreammaker.assembly.config import load_config


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: dreammaker run --config config/demo.toml")
    def run(
        config: Annotated[Path, typer.Option("--config", help="Configuration file (TOML).")],
        as_json: Annotated[bool, typer.Option(
            "--json", help="Print the summary as JSON.")] = False,
        report: Annotated[bool, typer.Option(help="Write the HTML report.")] = True,
    ) -> None:
        """Run a session: a simulated market or an imported day, by the file's run.mode."""
        run_session(load_config(config), Console(stderr=as_json), as_json=as_json,
                    with_report=report)

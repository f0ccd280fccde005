"""``dreammaker config``: show and check configurations."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dreammaker.app.toml_text import to_toml
from dreammaker.assembly.config import SystemConfig, config_values, load_config


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Show and check configurations.")
    app.add_typer(group, name="config")

    @group.command(epilog="Example: dreammaker config show config/demo.toml")
    def show(
        file: Annotated[Path | None, typer.Argument(
            help="Configuration file; left out, the defaults.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Print a configuration with every default filled in."""
        values = config_values(load_config(file) if file is not None else SystemConfig())
        print(json.dumps(values, indent=1) if as_json else to_toml(values))

    @group.command(epilog="Example: dreammaker config check config/demo.toml")
    def check(
        file: Annotated[Path, typer.Argument(help="Configuration file.")],
    ) -> None:
        """Check a configuration file; exit code 2 and one sentence where it is wrong."""
        load_config(file)
        Console().print(f"{file} is a valid configuration", highlight=False, soft_wrap=True)

"""``dreammaker config``: show and check configurations."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dreammaker.app.toml_text import to_toml
from dreammaker.assembly.admission import MODES, judged
from dreammaker.assembly.config import SystemConfig, config_values, load_config
from dreammaker.assembly.model_set import read_bundle


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
        """Check a configuration file; exit code 2 and one sentence where it is wrong.

        Of a trained model it says whether it may trade real money, and if not, why.
        """
        config = load_config(file)
        console = Console()
        console.print(f"{file} is a valid configuration", highlight=False, soft_wrap=True)
        bundle = read_bundle(config)
        if bundle is None:
            return
        found = judged(config, bundle, MODES["live"])
        lines = [f"model {found.bundle[:16]}: "
                 + ("may not trade real money" if found.reasons else "may trade real money")]
        lines += [f"  {reason}" for reason in found.reasons]
        lines += [f"  laxer than usual: {limit}" for limit in found.laxer_limits]
        if found.reasons and config.model.trade_untradable:
            lines.append("  model.trade_untradable overrides this")
        for line in lines:
            console.print(line, highlight=False, markup=False, soft_wrap=True)

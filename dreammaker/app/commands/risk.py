"""``dreammaker risk``: what risk has kept for the next run, and an operator's word on it."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dreammaker.domain.orders import Reason
from dreammaker.risk import TradingState
from dreammaker.store.risk_file import read_risk_file, rearm_risk_file

StateFile = Annotated[Path, typer.Argument(help="The file that risk.state_file names.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True,
                        help="Show the risk state between runs, and re-arm it.")
    app.add_typer(group, name="risk")

    @group.command(epilog="Example: dreammaker risk show risk.sqlite")
    def show(
        file: StateFile,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Print state, causes and result of the day as the last run left them."""
        kept, day, is_running = read_risk_file(file)
        values = {
            "day": day, "state": TradingState(kept.state).name,
            "reason": Reason(kept.reason).name,
            "causes": [Reason(code).name for code in kept.causes],
            "net": kept.net_micros / 1e6, "best": kept.high_water_micros / 1e6,
            "position_lots": kept.lots, "consecutive_losses": kept.consecutive_losses,
            "kill_verified": kept.is_verified, "is_running_or_crashed": is_running}
        if as_json:
            print(json.dumps(values, indent=1))
            return
        console = Console()
        for name, value in values.items():
            text = ", ".join(value) or "none" if isinstance(value, list) else value
            console.print(f"{name.replace('_', ' '):24}{text}", highlight=False)

    @group.command(epilog="Example: dreammaker risk rearm risk.sqlite")
    def rearm(file: StateFile) -> None:
        """Let the next run trade again after a halt, a stand-down or a crash.

        Not while a run is under way. A kill cannot be re-armed: it ends with its day, once the
        broker has confirmed that nothing is left open.
        """
        rearm_risk_file(file)
        Console().print(f"{file}: the next run begins NORMAL", highlight=False, soft_wrap=True)

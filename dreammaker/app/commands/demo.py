"""``dreammaker demo``: the embedded default, a simulated WIN session, from market to report."""

from typing import Annotated

import typer
from rich.console import Console

from dreammaker.app.session_run import run_session
from dreammaker.assembly.config import parse_config


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: dreammaker demo --minutes 60 --seed 7")
    def demo(
        minutes: Annotated[float | None, typer.Option(
            help="Length of continuous trading; left out, the whole day.")] = None,
        seed: Annotated[int, typer.Option(help="Another seed is another day.")] = 1,
        as_json: Annotated[bool, typer.Option(
            "--json", help="Print the summary as JSON.")] = False,
    ) -> None:
        """Simulate a WIN session, trade it with the baseline, and write journal and report.

        No file, no account and no network are needed. The baseline is not meant to earn money:
        it shows the whole way of an order.
        """
        values: dict[str, dict[str, object]] = {"run": {"mode": "simulated", "seed": seed}}
        if minutes is not None:
            values["simulation"] = {"session_minutes": minutes}
        config = parse_config(values, "command line")
        run_session(config, Console(stderr=as_json), as_json=as_json)

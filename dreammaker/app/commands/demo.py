"""``dreammaker demo``: the embedded default, a simulated WIN session, from market to report."""

from typing import Annotated

import typer
from rich.console import Console

from dreammaker.app.session_run import run_session
from dreammaker.assembly.config import parse_config
from dreammaker.risk import RiskConfig

_SHORT_MINUTES = 120.0


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
        it shows the whole way of an order. In a session under two hours the minutes after the
        open and before the close in which nothing may be opened shrink with it.
        """
        values: dict[str, dict[str, object]] = {"run": {"mode": "simulated", "seed": seed}}
        if minutes is not None:
            values["simulation"] = {"session_minutes": minutes}
            if minutes < _SHORT_MINUTES:
                # The hours in which nothing may be opened shrink with the day, or a short
                # session would be over before it may trade.
                share = minutes / _SHORT_MINUTES
                usual = RiskConfig()
                values["risk"] = {name: getattr(usual, name) * share for name in (
                    "entry_start_minutes_after_open", "entry_stop_minutes_before_close",
                    "flatten_minutes_before_close", "deadline_minutes_before_close")}
        config = parse_config(values, "command line")
        run_session(config, Console(stderr=as_json), as_json=as_json)

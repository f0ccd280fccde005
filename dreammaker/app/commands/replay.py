"""``dreammaker replay``: run a past session again and compare every bit."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dreammaker.assembly.replay import verify_session
from dreammaker.domain.errors import VerificationError


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: dreammaker replay --verify sessions/simulated-WINJ26-2026-03-02")
    def replay(
        session: Annotated[Path, typer.Option("--verify", help="Session folder.")],
        data_root: Annotated[Path | None, typer.Option(
            help="Archive of imported days, where it has moved since.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    ) -> None:
        """Check a session's files against its seal, run it again, and compare every record.

        Exit code 0: every bit is the same. 4: something differs; what, is said.
        """
        console = Console(stderr=as_json)
        with console.status("running the session again"):
            found = verify_session(session, data_root)
        if as_json:
            print(json.dumps({"clean": found.clean, "problems": found.problems,
                              "journal_hash": found.journal_hash}, indent=1))
        for problem in found.problems:
            console.print(problem, highlight=False, markup=False, soft_wrap=True)
        if not found.clean:
            raise VerificationError(f"{session} does not verify: {len(found.problems)} problem"
                                    f"{'s' if len(found.problems) > 1 else ''}, listed above")
        assert found.counts is not None
        console.print(f"clean: {found.counts.events:,} records and {found.counts.decisions:,} "
                      f"decisions give the same journal, {found.journal_hash}", highlight=False,
                      soft_wrap=True)

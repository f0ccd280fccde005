"""Runs a session for a person: folder, log, progress, interrupt, report, table."""

import json
import logging
import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from dreammaker.app.logs import set_up_logging, tear_down_logging
from dreammaker.assembly.admission import Admission
from dreammaker.assembly.config import SystemConfig
from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import SessionSource, open_source
from dreammaker.domain.errors import DreamMakerError
from dreammaker.engine.clock import iso_utc
from dreammaker.engine.loop import LoopCommand, LoopCounts
from dreammaker.store.session import create_session_folder

_log = logging.getLogger("dreammaker.app")


def run_session(config: SystemConfig, console: Console, *, as_json: bool = False,
                with_report: bool = True) -> Path:
    """Run a configured session from its source to its report.

    Parameters
    ----------
    config : SystemConfig
    console : Console
        Takes progress and tables; with ``as_json`` standard output gets the summary as JSON.
    with_report : bool
        Write ``report.html``.

    Returns
    -------
    Path
        The session folder.

    Raises
    ------
    DreamMakerError
        If the source or the folder cannot be opened, or the loop had to stop.
    """
    source = open_source(config)
    symbol = source.feed.instrument.symbol
    folder = create_session_folder(Path(config.run.sessions_root),
                                   f"{config.run.mode}-{symbol}-{source.origin['day']}")
    handlers = set_up_logging(config.logging.level, folder, config.logging.max_file_mb,
                              config.logging.backup_count, console)
    try:
        session = Session(config, source, folder)
        for line in admission_lines(session.admission):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        _log.info("session starts", extra={"fields": {
            "folder": str(folder), "mode": config.run.mode, "symbol": symbol,
            "origin": source.origin,
            "topology": session.coordinator.topology().splitlines()}})
        with SessionProgress(console, source) as progress, \
                _stop_on_interrupt(session) as interrupt:
            result = session.run(progress.update)
        _log.info("session ends", extra={"fields": {
            "journal_hash": result.digests["journal"], "net_micros": result.summary["net_micros"],
            "stopped_by": result.summary["stopped_by"]}})
    finally:
        tear_down_logging(handlers)
    if with_report:
        from dreammaker.reports.session import write_session_report

        with console.status("writing the report"):
            write_session_report(folder)
    if as_json:
        print(json.dumps({**result.summary, "folder": str(folder)}, indent=1, sort_keys=True))
    else:
        show_summary(console, result.summary, folder, source.feed.instrument.currency, with_report)
        if interrupt.asked:
            console.print("interrupted: the session ended early and in good order")
    if result.summary["stopped_by"]:
        raise DreamMakerError(f"the loop had to stop: {result.summary['stopped_by']} "
                              f"(see {folder / 'dreammaker.log'})")
    return folder


def admission_lines(found: Admission) -> list[str]:
    """What a person has to know of the session's model before it begins; nothing of a baseline."""
    if not found.bundle:
        return ["warning: the gate is overridden: " + "; ".join(found.reasons)] * found.overridden
    name = f"model {found.bundle[:16]}"
    if not found.reasons:
        lax = "; ".join(found.laxer_limits)
        return [f"{name}: tradable" + (f", by laxer limits: {lax}" if lax else "")]
    said = ("warning: the gate is overridden; this model may not trade real money"
            if found.overridden else "not tradable")
    return [f"{name}: {said}: {'; '.join(found.reasons)}"]


class SessionProgress:
    """A bar over the records, or over the session's hours where their number is not known."""

    def __init__(self, console: Console, source: SessionSource) -> None:
        self._source = source
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[counts]}"), TimeElapsedColumn(), console=console,
            disable=not console.is_terminal)
        self._total = source.feed.total_events
        self._hours = (source.open_ns, source.close_ns)
        self._task = self._progress.add_task(source.feed.instrument.symbol, total=1.0, counts="")

    def __enter__(self) -> "SessionProgress":
        self._progress.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._progress.stop()

    def update(self, counts: LoopCounts, now_ns: int) -> None:
        """Show where the loop is."""
        open_ns, close_ns = self._hours
        if self._total:
            done = counts.events / self._total
        elif open_ns is not None and close_ns is not None:
            done = (now_ns - open_ns) / (close_ns - open_ns)
        else:
            done = 0.0
        self._progress.update(
            self._task, completed=min(max(done, 0.0), 1.0),
            counts=f"{iso_utc(now_ns, digits=0)[11:19]} UTC  {counts.events:,} records  "
                   f"{counts.decisions:,} decisions")


class _stop_on_interrupt:  # noqa: N801
    """The first interrupt or request to end ends the session in good order, the second at once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.asked = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "_stop_on_interrupt":
        def stop(number: int, frame: FrameType | None) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self.asked = True
            self._session.loop.commands.append(LoopCommand.STOP)

        # Windows sends SIGBREAK to a console program that is to end, other systems SIGTERM.
        for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGBREAK", None)):
            if number is not None:
                # Outside the main thread interrupts are somebody else's.
                with suppress(ValueError):
                    self._previous[number] = signal.signal(number, stop)
        return self

    def __exit__(self, *details: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)


def show_summary(console: Console, summary: dict[str, Any], folder: Path, currency: str,
                 with_report: bool) -> None:
    """Print what happened and where it lies."""
    counts = summary["counts"]
    table = Table(title=f"{summary['symbol']} · {summary['mode']}", show_header=False,
                  title_justify="left")
    table.add_column(style="dim")
    table.add_column(justify="right")

    def money(micros: int) -> str:
        return f"{currency} {micros / 1e6:,.2f}"

    rows = [
        ("market records", f"{counts['events']:,}"),
        ("feature rows", f"{counts['rows']:,}"),
        ("decisions", f"{counts['decisions']:,}"),
        ("orders sent", f"{summary['orders']:,}"),
        ("fills", f"{summary['fills']:,} ({summary['traded_lots']:,} lots)"),
        ("denied by risk", _counts(summary["denied"])),
        ("realised result", money(summary["realised_micros"])),
        ("open result", money(summary["open_micros"])),
        ("fees", money(-summary["fees_micros"])),
        ("net result", money(summary["net_micros"])),
        ("position at the end", f"{summary['position_lots']:+d} lots"
         if summary["position_lots"] else "flat"),
        ("risk state", summary["trading_state"] if summary["trading_state_reason"] == "NONE"
         else f"{summary['trading_state']} ({summary['trading_state_reason']})"),
        ("agent failures", str(len(summary["failures"]))),
        ("journal hash", summary["journal_hash"][:16]),
    ]
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)
    console.print(f"session  {folder}", highlight=False, soft_wrap=True)
    console.print(f"journal  {folder / 'journal.arrow'}", highlight=False, soft_wrap=True)
    if with_report:
        console.print(f"report   {folder / 'report.html'}", highlight=False, soft_wrap=True)


def _counts(values: dict[str, int]) -> str:
    if not values:
        return "0"
    return ", ".join(f"{count:,} {name.lower()}" for name, count in values.items())

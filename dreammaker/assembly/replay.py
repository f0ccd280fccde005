"""Runs a past session again from its own records, and says whether every bit is the same."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.adapters import LogFeed, SegmentFeed
from dreammaker.assembly.admission import Admission
from dreammaker.assembly.config import parse_config
from dreammaker.assembly.model_set import read_bundle
from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import SessionSource, session_hours, simulated_hours
from dreammaker.domain.errors import StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import SCHEMA_VERSION
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.loop import LoopCommand, LoopCounts, PastCommand
from dreammaker.store.eventlog import EventStore
from dreammaker.store.journal import DECISION_DTYPE, JOURNAL_DTYPE, JOURNAL_VERSION, Entry
from dreammaker.store.risk_file import RiskStart
from dreammaker.store.segments import MemorySegment, SegmentWriter, read_segment
from dreammaker.store.session import HEADER_VERSION, damaged_files, read_json, read_seal

_VERSIONS = {"header_version": HEADER_VERSION, "journal_version": JOURNAL_VERSION,
             "schema_version": SCHEMA_VERSION}
_SHOWN = 5


@dataclass(slots=True)
class Verification:
    """What a verification found.

    Parameters
    ----------
    problems : list of str
        One sentence each; empty = clean.
    journal_hash : str
        Of the run made now.
    counts : LoopCounts or None
        Of the run made now; None where files were damaged and nothing was run.
    """

    problems: list[str] = field(default_factory=list)
    journal_hash: str = ""
    counts: LoopCounts | None = None

    @property
    def clean(self) -> bool:
        """Whether nothing differs."""
        return not self.problems


def verify_session(folder: Path, data_root: Path | None = None,
                   progress: Callable[[LoopCounts, int], None] | None = None) -> Verification:
    """Check a session's files against its seal, then run it again and compare every record.

    Parameters
    ----------
    folder : Path
        Session folder.
    data_root : Path, optional
        Archive of imported days, where it is not the one the session used.

    Raises
    ------
    StoreError
        If the folder is no session, is of an unknown version, was never sealed, or its records
        are not to be had.
    """
    if not folder.is_dir():
        raise StoreError(f"{folder} is no session folder")
    if not (folder / "seal.json").exists():
        # Tells a folder that holds no session from one whose session crashed.
        read_json(folder / "session.json")
    sealed = read_seal(folder)["chains"]
    damage = damaged_files(folder)
    if damage:
        return Verification(damage)
    header = read_json(folder / "session.json")
    identity = header.get("identity")
    if not isinstance(identity, dict):
        raise StoreError(f"{folder / 'session.json'} is damaged: it holds no identity")
    for name, known in _VERSIONS.items():
        if identity.get(name) != known:
            raise StoreError(f"{folder}: {name} {identity.get(name)!r} is not known to this "
                             f"program, which writes {known}")
    if identity.get("foreign_models"):
        given = "; ".join(f"{name}: {what}" for name, what in identity["foreign_models"].items())
        raise StoreError(f"{folder} cannot be run again from its own records: its configuration "
                         f"does not describe its models ({given})")
    journal = read_segment(folder / "journal.arrow", JOURNAL_DTYPE)
    session = rebuild(folder, identity, data_root or Path(header.get("data_root", "data")),
                      sealed["event_count"], past_commands(journal))
    result = session.run(progress)
    found = Verification(journal_hash=result.digests["journal"], counts=session.loop.counts)
    found.problems += _differences("decision", read_segment(folder / "decisions.arrow",
                                                            DECISION_DTYPE),
                                   _in_memory(session.journal.decisions))
    found.problems += _differences("journal", journal, _in_memory(session.journal.entries))
    for name, value in result.digests.items():
        if sealed.get(name) != value and not found.problems:
            found.problems.append(f"the {name} chain is {value}, sealed was {sealed.get(name)}")
    return found


def past_commands(journal: NDArray[np.void]) -> list[PastCommand]:
    """Commands of a journal, each with its place in the order of items."""
    return [PastCommand(int(entry["item"]), int(entry["x"]), int(entry["time_ns"]),
                        int(entry["event_count"]), LoopCommand(int(entry["code"])))
            for entry in journal[journal["kind"] == Entry.COMMAND]]


def rebuild(folder: Path, identity: dict[str, Any], data_root: Path, event_count: int,
            commands: list[PastCommand]) -> Session:
    """The session a folder describes, in memory and ready to run.

    Parameters
    ----------
    event_count : int
        Records the session had read; a session that was stopped has not read the whole day.
    commands : list of PastCommand
        What it was told from outside.
    """
    config = parse_config(identity["config"], str(folder / "session.json"))
    bundle = read_bundle(config)
    if (bundle.content if bundle is not None else None) != identity.get("model_bundle"):
        raise StoreError(f"the bundle at {config.model.bundle} is not the one the session ran with")
    instrument = Instrument(**identity["instrument"])
    profile = SourceProfile(**identity["source"])
    origin = identity["origin"]
    day = date.fromisoformat(origin["day"])
    hours: tuple[int | None, int | None]
    if origin["kind"] == "simulated":
        hours = simulated_hours(config, day)
        feed: LogFeed | SegmentFeed = SegmentFeed(folder / "events.arrow", instrument, profile)
    else:
        log = EventStore(data_root).open(origin["symbol"], day)
        if log.content_hash != origin["content_hash"]:
            raise StoreError(f"{origin['symbol']} {day} in {data_root} is not what the session "
                             "ran on: its content hash differs (imported again since?)")
        hours = session_hours(instrument, config.instrument, day)
        feed = LogFeed(replace(log, events=log.events[:event_count]))
        feed.instrument = instrument
    risk_start = {**identity["risk_start"], "causes": tuple(identity["risk_start"]["causes"])}
    return Session(config, SessionSource(feed, *hours, origin, keep_events=False),
                   past_commands=commands, risk_start=RiskStart(**risk_start),
                   admission=Admission.of_past(identity))


def _in_memory(sink: SegmentWriter | MemorySegment) -> NDArray[np.void]:
    assert isinstance(sink, MemorySegment)
    return sink.records


def _differences(what: str, stored: NDArray[np.void], again: NDArray[np.void]) -> list[str]:
    """First records that differ, field by field, and a difference in number."""
    problems = []
    common = min(len(stored), len(again))
    width = stored.dtype.itemsize
    left = stored[:common].view(np.uint8).reshape(common, width)
    right = np.ascontiguousarray(again[:common]).view(np.uint8).reshape(common, width)
    rows = np.flatnonzero((left != right).any(axis=1))
    for row in rows[:_SHOWN].tolist():
        names = [name for name in stored.dtype.names or ()
                 if stored[name][row].tobytes() != again[name][row].tobytes()]
        problems.append(f"{what} record {row}: {', '.join(names)} differ "
                        f"({stored[names[0]][row]} was stored, {again[names[0]][row]} is right)")
    if len(rows) > _SHOWN:
        problems.append(f"{len(rows) - _SHOWN} more {what} records differ")
    if len(stored) != len(again):
        problems.append(f"{len(stored)} {what} records are stored, the run gives {len(again)}")
    return problems

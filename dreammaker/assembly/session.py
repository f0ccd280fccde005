"""A runnable session: feed, venue, agents, loop and journal, wired from a configuration."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import dreammaker
from dreammaker.agents import (
    Coordinator,
    DataAgent,
    ExecutionAgent,
    FeatureAgent,
    MLAgent,
    QuotingAgent,
    RiskAgent,
)
from dreammaker.agents.context import TradingContext
from dreammaker.agents.notes import note_override
from dreammaker.assembly.admission import Admission, admit
from dreammaker.assembly.config import SystemConfig, identity_values
from dreammaker.assembly.environment import environment
from dreammaker.assembly.model_set import ModelSet
from dreammaker.assembly.sources import SessionSource
from dreammaker.domain.errors import ConfigError
from dreammaker.domain.schema import SCHEMA_VERSION
from dreammaker.engine.clock import LoopClock
from dreammaker.engine.loop import LoopCounts, PastCommand, TickLoop
from dreammaker.engine.market import MarketView
from dreammaker.engine.tape import Tape
from dreammaker.engine.timers import Timers
from dreammaker.exchange import SimulatedVenue
from dreammaker.features.config import FEATURE_NAMES, definition_hash
from dreammaker.features.pipeline import FeatureRows
from dreammaker.ledger import Ledger
from dreammaker.models.decision_clock import build_decision_clock
from dreammaker.risk import RiskGate
from dreammaker.store.journal import JOURNAL_VERSION, Journal
from dreammaker.store.orders_db import OrdersDb
from dreammaker.store.risk_file import RiskFile, RiskStart
from dreammaker.store.session import HEADER_VERSION, write_json, write_seal

MOST_ENDED = 4
"""Sessions that have ended and are still in memory, after which the next one has them collected."""

_ended: "weakref.WeakSet[Coordinator]" = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What a session came to.

    Parameters
    ----------
    summary : dict
        Counts, money and the state at the end, as ``summary.json`` holds them.
    digests : dict
        The journal's chains; ``digests["journal"]`` is the journal hash.
    """

    summary: dict[str, Any]
    digests: dict[str, Any]


class Session:
    """One run of the loop over one source.

    Parameters
    ----------
    config : SystemConfig
    source : SessionSource
        Feed, hours, and where the records come from.
    folder : Path, optional
        An existing, empty session folder; None keeps everything in memory.
    past_commands : list of PastCommand, optional
        Of the session that is run again (see ``TickLoop``).
    risk_start : RiskStart, optional
        What an earlier run left; left out, what ``risk.state_file`` holds, where it names a file.
    models : ModelSet, optional
        What decides, where the configuration does not say it.
    admission : Admission, optional
        Of the session that is run again in memory; any other is asked for one before it begins.

    Raises
    ------
    ConfigError
        If nobody could vote, so that nothing would ever be opened.
    VerificationError
        If real money is at stake and the model may not trade it (``assembly.admission``).
    """

    def __init__(self, config: SystemConfig, source: SessionSource, folder: Path | None = None,
                 past_commands: list[PastCommand] | None = None,
                 risk_start: RiskStart | None = None,
                 models: ModelSet | None = None,
                 admission: Admission | None = None) -> None:
        self.config, self.source, self.folder = config, source, folder
        feed = config.exchange.delayed(source.feed, config.run.seed)
        self.models = models or ModelSet.from_config(config, feed.source, feed.instrument)
        if not self.models.voters and self.models.quoter is None:
            raise ConfigError("model.voters must name a filter: the model brings no voter of its "
                              "own, and without votes nothing is ever opened")
        if admission is None or folder is not None:
            admission = admit(config, self.models)
        self.admission = admission
        risk_file = self._open_risk_file()
        self.risk_start = (risk_start if risk_start is not None else
                           risk_file.start if risk_file is not None else RiskStart())
        clock, timers = LoopClock(), Timers()
        market = MarketView(feed.instrument, len(FEATURE_NAMES))
        ledger = Ledger(feed.instrument)
        gate = RiskGate(config.risk, ledger, market)
        gate.window.open_ns, gate.window.close_ns = source.open_ns, source.close_ns
        gate.restore(self.risk_start)
        self.header = self._header()
        self.journal = Journal(folder, keep_events=folder is not None and source.keep_events)
        self.tape = Tape(feed, config.data.batch_events)
        venue = SimulatedVenue(
            feed.instrument, feed.source, config.exchange,
            config.exchange.latencies(config.run.seed), self.tape.venue, clock)
        self.context = TradingContext(
            clock, timers, market, ledger, gate, venue, self.journal,
            OrdersDb(folder / "orders.sqlite" if folder is not None else None, durable=False),
            self.risk_start, risk_file)
        self.execution = self._execution()
        self.coordinator = self._agents()
        self.loop = TickLoop(
            self.tape, self.coordinator, venue, market, clock, timers,
            build_decision_clock(config.model, feed.instrument), self.journal,
            past_commands)

    def _open_risk_file(self) -> RiskFile | None:
        """The file that carries the risk state from run to run; only a session on disk has one."""
        name = self.config.risk.state_file
        if not name or self.folder is None:
            return None
        kind = f"{self.config.run.mode}-{self.source.feed.instrument.symbol}-"
        unsealed = any(
            other != self.folder and (other / "session.json").exists()
            and not (other / "seal.json").exists()
            for other in self.folder.parent.glob(f"{kind}*"))
        return RiskFile(Path(name), self.source.origin["day"], run_before=unsealed)

    def _execution(self) -> ExecutionAgent | QuotingAgent:
        config, profile = self.config, self.config.exchange.venue_profile
        if self.models.quoter is not None:
            return QuotingAgent(self.context, self.models.quoter, post_only=profile.post_only)
        return ExecutionAgent(self.context, config.execution, seed=config.run.seed,
                              can_move=profile.replace_price)

    def _agents(self) -> Coordinator:
        config, context, feed = self.config, self.context, self.source.feed
        coordinator = Coordinator(
            context, self.models.voters, config.execution.order_lots,
            config.model.consensus, FeatureRows(1))
        coordinator.register(DataAgent(context.clock))
        coordinator.register(FeatureAgent(context.clock, config.features, feed.instrument,
                                          feed.source, config.data.batch_events))
        if self.models.quoter is None:
            coordinator.register(MLAgent(
                context.clock, self.models.predictor, self.models.policy, context.ledger))
        coordinator.register(RiskAgent(context))
        coordinator.register(self.execution)
        return coordinator

    def _header(self) -> dict[str, Any]:
        feed, foreign = self.source.feed, self.models.foreign
        return {
            **({"foreign_models": foreign} if foreign else {}),
            **({"model_bundle": self.models.bundle} if self.models.bundle else {}),
            **({"model_override": list(self.admission.reasons)} if self.admission.overridden
               else {}),
            "header_version": HEADER_VERSION,
            "journal_version": JOURNAL_VERSION,
            "schema_version": SCHEMA_VERSION,
            "program_version": dreammaker.__version__,
            "feature_definition": definition_hash(self.config.features),
            "instrument": asdict(feed.instrument),
            "source": asdict(feed.source),
            "origin": self.source.origin,
            "config": identity_values(self.config),
            "risk_start": asdict(self.risk_start),
        }

    def run(self, progress: Callable[[LoopCounts, int], None] | None = None) -> SessionResult:
        """Run to the end of the feed, seal the folder, and sum up."""
        if self.folder is not None:
            write_json(self.folder / "session.json",
                       {"identity": self.header, "environment": environment(),
                        "data_root": self.config.data.root,
                        "admission": self.admission.to_dict()})
        # What exists by now stays to the end: the collector need not look at it again and again,
        # which would stop the loop for tens of milliseconds at a time. What earlier sessions left
        # goes first: they are full of cycles, and frozen garbage would never be found.
        if len(_ended) >= MOST_ENDED:
            gc.collect()
        gc.freeze()
        if self.admission.overridden:
            note_override(self.context, self.admission.reasons)
        self.coordinator.start_all()
        try:
            self.loop.run(progress)
            self.coordinator.stop_all()
        finally:
            gc.unfreeze()
            _ended.add(self.coordinator)
            try:
                self.journal.close()
            finally:
                if self.context.risk_file is not None:
                    self.context.risk_file.close()
                self.context.orders_db.close()
        digests = self.journal.digests(self.header)
        summary = self._summary(digests["journal"])
        if self.folder is not None:
            write_json(self.folder / "summary.json", summary)
            write_seal(self.folder, digests)
        return SessionResult(summary, digests)

    def _summary(self, journal_hash: str) -> dict[str, Any]:
        ledger, market, gate = self.context.ledger, self.context.market, self.context.gate
        position = ledger.position
        mid = market.sound_mid_half_ticks
        return {
            "symbol": self.source.feed.instrument.symbol,
            "mode": self.config.run.mode,
            "journal_hash": journal_hash,
            "counts": asdict(self.loop.counts),
            "decisions": {reason.name: count for reason, count in
                          sorted(self.coordinator.decision_reasons.items())},
            "denied": {reason.name: count for reason, count in
                       sorted(gate.denied_counts.items())},
            "parents": self.execution.costs.summary(),
            "orders": ledger.order_count,
            "fills": ledger.fill_count,
            "traded_lots": position.traded_lots,
            "position_lots": position.lots,
            "realised_micros": position.realised_micros,
            "open_micros": position.open_micros(mid) if position.lots else 0,
            "fees_micros": position.fees_micros,
            "net_micros": ledger.net_micros(mid),
            "working_orders": len(ledger.working),
            "trading_state": gate.state.name,
            "trading_state_reason": gate.state_reason.name,
            "kill_verified": self.coordinator.guard.kill.is_verified,
            "failures": [list(failure) for failure in self.coordinator.failures],
            "undelivered": self.coordinator.undelivered,
            "stopped_by": self.coordinator.stopped_by,
        }

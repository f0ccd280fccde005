"""What the trading agents share: one copy of each, made by the assembly."""

from dataclasses import dataclass, field

from dreammaker.engine.clock import LoopClock
from dreammaker.engine.market import MarketView
from dreammaker.engine.ports import Broker
from dreammaker.engine.timers import Timers
from dreammaker.ledger import Ledger
from dreammaker.risk import RiskGate
from dreammaker.store.journal import Journal
from dreammaker.store.orders_db import OrdersDb
from dreammaker.store.risk_file import RiskFile, RiskStart


@dataclass(slots=True)
class TradingContext:
    """Shared state of a session.

    Parameters
    ----------
    risk_start : RiskStart
        What an earlier run has left; by default there was none.
    risk_file : RiskFile or None
        Where a later run will look for it.
    """

    clock: LoopClock
    timers: Timers
    market: MarketView
    ledger: Ledger
    gate: RiskGate
    broker: Broker
    journal: Journal
    orders_db: OrdersDb
    risk_start: RiskStart = field(default_factory=RiskStart)
    risk_file: RiskFile | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Position to reach.

    Parameters
    ----------
    lots : int
        Above 0 long, below 0 short.
    urgent : bool
        Reach it by market orders (flattening).
    """

    lots: int
    urgent: bool = False

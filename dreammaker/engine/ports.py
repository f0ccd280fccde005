"""The protocols that other packages implement; the loop and the agents know nothing else."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import (
    ApprovedOrder,
    ApprovedReplace,
    CancelOrder,
    ExecutionReport,
    OrderAnswer,
    PositionAnswer,
    QueryFailed,
    WorkingOrder,
)
from dreammaker.domain.schema import EventArray
from dreammaker.domain.source import SourceProfile

if TYPE_CHECKING:
    from dreammaker.engine.decisions import Prediction, Proposal, Vote
    from dreammaker.engine.market import MarketView, Rows


@runtime_checkable
class Feed(Protocol):
    """A stream of event records in arrival order."""

    instrument: Instrument
    source: SourceProfile

    @property
    def total_events(self) -> int | None:
        """Number of records in all, where it is known beforehand."""
        ...

    def read(self, max_events: int) -> EventArray:
        """Next records, at most ``max_events``; an empty array says the feed has ended."""
        ...


@runtime_checkable
class Broker(Protocol):
    """Takes approved orders and tells what became of them."""

    def submit(self, approved: ApprovedOrder, now_ns: int) -> None:
        """Send an order; its answer comes as a report."""
        ...

    def cancel(self, cancel: CancelOrder, now_ns: int) -> None:
        """Ask to cancel an order; the answer comes as a report."""
        ...

    def replace(self, approved: ApprovedReplace, now_ns: int) -> None:
        """Ask to change a working order; the answer comes as a report."""
        ...

    def query_order(self, client_order_id: int, now_ns: int) -> OrderAnswer | QueryFailed:
        """What the venue knows of an order of ours at this moment; a failure is no answer."""
        ...

    def query_working(self, now_ns: int) -> tuple[WorkingOrder, ...] | QueryFailed:
        """Every order of ours that works at the venue at this moment; a failure is never "none"."""
        ...

    def query_position(self, now_ns: int) -> PositionAnswer | QueryFailed:
        """Our net position by the broker's books; a failure is never "flat"."""
        ...

    def next_report(self, until_ns: int) -> ExecutionReport | None:
        """First report that reaches us at or before ``until_ns``, or None."""
        ...


class LatencyModel(Protocol):
    """How long messages travel, each way, in ns, never negative."""

    def entry_ns(self, sequence: int) -> int:
        """From us to the venue."""
        ...

    def response_ns(self, sequence: int) -> int:
        """From the venue to us."""
        ...


class FillModel(Protocol):
    """Decides when our orders fill against recorded flow (see ``exchange.matching``)."""

    @property
    def name(self) -> str:
        """As config and reports call it."""
        ...


class DecisionClock(Protocol):
    """Chooses the feature rows on which decisions are made."""

    def choose(self, events: EventArray, rows: "Rows") -> list[int]:
        """Indices of the decision rows among a batch's rows; called once a batch, in order."""
        ...


class Predictor(Protocol):
    """A model in the loop: one feature row in, one prediction out."""

    @property
    def name(self) -> str:
        """As config and journal call it."""
        ...

    def predict(self, market: "MarketView") -> "Prediction":
        """Predict from the present row. Must not keep references to its arrays."""
        ...


class Policy(Protocol):
    """Turns a prediction and our position into a proposal."""

    def propose(
        self, prediction: "Prediction", position_lots: int, now_ns: int
    ) -> "Proposal":
        """What to hold from here on."""
        ...


class Quoter(Protocol):
    """Says what should rest on either side (``_ext.policy`` holds compiled ones)."""

    def quotes(self, now_ns: int, position_lots: int, bid_ticks: int, ask_ticks: int,
               bid_lots: int, ask_lots: int) -> tuple[int, int, int, int]:
        """Bid price, bid lots, ask price, ask lots; 0 lots = nothing on that side.

        Parameters
        ----------
        now_ns : int
            Loop time.
        position_lots : int
        bid_ticks, ask_ticks : int
            Best prices of a two-sided market.
        bid_lots, ask_lots : int
            What they show; -1 = not known.
        """
        ...


class Voter(Protocol):
    """Votes on a proposal: for, against, or abstains."""

    @property
    def name(self) -> str:
        """As the journal calls it."""
        ...

    def vote(self, proposal: "Proposal", market: "MarketView") -> "Vote":
        """Vote on a proposal in the present market."""
        ...


class Schedule(Protocol):
    """Splits a parent order over time."""

    def due_lots(self, now_ns: int) -> int:
        """Lots that should have been sent by now, in all."""
        ...

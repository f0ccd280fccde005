"""From what is due to orders: the next steps of a parent, as a pure function.

Rules, in this order:

1. after the end, and with an ending parent, everything that works is cancelled, nothing is sent;
2. what is missing of ``must`` crosses the spread: beside the patient orders where there is room,
   else one of them is moved to the crossing price, or cancelled to make room;
3. patient orders that stand behind the touch follow it, up to the price limit;
4. what is due and not out joins the touch, one order at a time and not hard upon another.

Lots out (unknown outcomes included) and filled never exceed what is due, nor the parent.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from dreammaker.domain.codes import plain_members
from dreammaker.execution.parent import ParentOrder


@plain_members
class StepKind(IntEnum):
    """What to do."""

    SEND = 1
    MOVE = 2     # change the price of a working order, or cancel it where that cannot be done
    CANCEL = 3


class Step(NamedTuple):
    """One step.

    Parameters
    ----------
    kind : StepKind
    number : int
        The child's, 0 for a new one.
    lots : int
        Of a new one.
    price_ticks : int
        Limit price of a new or moved one.
    crossing : bool
        Whether it is meant to take.
    """

    kind: StepKind
    number: int = 0
    lots: int = 0
    price_ticks: int = 0
    crossing: bool = False


class Child(NamedTuple):
    """A child that works.

    Parameters
    ----------
    number : int
        Client order id.
    crossing : bool
    price_ticks, leaves_lots : int
    settled : bool
        The venue has it and nothing is under way: it may be moved.
    canceling : bool
        A cancel is under way.
    placed_ns : int
        When it was sent or last moved.
    """

    number: int
    crossing: bool
    price_ticks: int
    leaves_lots: int
    settled: bool
    canceling: bool
    placed_ns: int


class Situation(NamedTuple):
    """What the steps depend on.

    Parameters
    ----------
    now_ns : int
    bid_ticks, ask_ticks : int
    book_ok : bool
        A two-sided market; without one nothing is sent or moved.
    filled_lots : int
    due_lots, must_lots : int
        The algorithm's, cut by the participation limit.
    children : sequence of Child
        In order of sending.
    ending : bool
    child_lots : int
        Largest patient child now.
    """

    now_ns: int
    bid_ticks: int
    ask_ticks: int
    book_ok: bool
    filled_lots: int
    due_lots: int
    must_lots: int
    children: Sequence[Child]
    ending: bool
    child_lots: int


class Rules(NamedTuple):
    """Configured limits of the steps.

    Parameters
    ----------
    cross_ticks : int
        How far beyond the opposite best price a crossing child is priced.
    max_child_lots : int
    resting_children : int
    reprice_ns : int
        A patient child follows the touch, and a second one joins the first, no more often.
    """

    cross_ticks: int
    max_child_lots: int
    resting_children: int
    reprice_ns: int


def next_steps(parent: ParentOrder, now: Situation, rules: Rules) -> list[Step]:
    """What to do now.

    Returns
    -------
    list of Step
        Cancels first, at most one MOVE and one SEND: what follows from them is asked for again
        when they are done.

    Examples
    --------
    >>> parent = ParentOrder(1, 1, 10, 0, 100, "twap")
    >>> rules = Rules(cross_ticks=2, max_child_lots=50, resting_children=1, reprice_ns=0)
    >>> at = Situation(5, 26_000, 26_001, True, 0, 4, 0, (), False, 50)
    >>> next_steps(parent, at, rules)
    [Step(kind=<StepKind.SEND: 1>, number=0, lots=4, price_ticks=26000, crossing=False)]
    >>> next_steps(parent, at._replace(must_lots=3), rules)[0][2:]
    (3, 26003, True)
    """
    children = now.children
    if now.ending or now.now_ns >= parent.end_ns:
        return [Step(StepKind.CANCEL, child.number) for child in children if not child.canceling]
    if not now.book_ok or now.now_ns < parent.start_ns:
        return []
    near, far = ((now.bid_ticks, now.ask_ticks) if parent.side > 0 else
                 (now.ask_ticks, now.bid_ticks))
    # A patient order at the limit waits for the market to come back to it.
    limit = parent.price_limit_ticks
    patient = near if limit is None or parent.side * (near - limit) <= 0 else limit
    cross = parent.within_limit(far, far + parent.side * rules.cross_ticks)
    due = min(now.due_lots, parent.lots)
    out = sum(child.leaves_lots for child in children)
    room = max(due - now.filled_lots - out, 0)
    crossing_out = sum(child.leaves_lots for child in children if child.crossing)
    behind = min(now.must_lots, due) - now.filled_lots - crossing_out
    if behind > 0 and cross is not None:
        if any(child.crossing for child in children):
            # One at a time: what the first one left is seen when it has ended.
            return _follow(parent, now, rules, patient)
        if room > 0:
            return [Step(StepKind.SEND, 0, min(behind, room, rules.max_child_lots), cross, True)]
        return _make_way(children, behind, cross)
    steps = _follow(parent, now, rules, patient)
    resting = [child for child in children if not child.crossing]
    fresh = any(now.now_ns - child.placed_ns < rules.reprice_ns for child in resting)
    if room > 0 and len(resting) < rules.resting_children and not (steps or fresh):
        steps.append(Step(StepKind.SEND, 0, min(room, now.child_lots, rules.max_child_lots),
                          patient))
    return steps


def _make_way(children: Sequence[Child], behind: int, cross: int) -> list[Step]:
    """Let patient orders cross: the oldest that fits is moved, else the oldest is cancelled."""
    if any(child.canceling or not child.settled for child in children):
        return []
    for child in children:
        if child.leaves_lots <= behind:
            return [Step(StepKind.MOVE, child.number, 0, cross, True)]
    return [Step(StepKind.CANCEL, children[0].number)] if children else []


def _follow(parent: ParentOrder, now: Situation, rules: Rules, patient: int) -> list[Step]:
    """Patient orders behind the touch are moved to it, one at a time."""
    for child in now.children:
        if child.crossing or not child.settled or child.canceling:
            continue
        behind_ticks = parent.side * (patient - child.price_ticks)
        if behind_ticks > 0 and now.now_ns - child.placed_ns >= rules.reprice_ns:
            return [Step(StepKind.MOVE, child.number, 0, patient)]
    return []

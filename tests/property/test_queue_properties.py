"""What holds for every queue model, whatever the market sends."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from dreammaker._ext.queue import Queue
from dreammaker.exchange.queue import QUEUE_NAMES, Prints

ESTIMATES = st.sampled_from(range(6))
POWERS = st.floats(0.1, 32.0)
LOTS = st.integers(0, 40)
STEPS = st.lists(st.tuples(st.sampled_from(["print", "level", "end"]), LOTS), max_size=40)
SHARE = st.sampled_from([1.0, 0.7])


@given(ESTIMATES, POWERS, st.sampled_from(list(Prints)), st.booleans(), SHARE, LOTS, STEPS)
@settings(max_examples=300, deadline=None)
def test_ahead_stays_between_nothing_and_the_level_and_no_lots_are_made(
        kind: int, n: float, prints: Prints, carry: bool, share: float, shown: int,
        steps: list[tuple[str, int]]) -> None:
    queue = Queue(kind, float(shown), n=n, prints=int(prints), print_share=share, carry=carry)
    printed = reached = 0
    at_end = queue.ahead
    for what, lots in steps:
        if what == "print":
            printed += lots
            reached += queue.print_lots(float(lots))
        elif what == "level":
            reached += queue.level(float(lots))
        else:
            queue.end_packet()
            assert queue.ahead <= at_end + 1e-9, "who stands before us cannot become more"
            at_end = queue.ahead
        assert 0.0 <= queue.ahead <= shown
        assert math.isfinite(queue.ahead)
        assert 0 <= reached <= printed + 1e-9, "no more reaches us than was printed"
    queue.end_packet()
    queue.level(0.0)
    queue.end_packet()
    assert queue.ahead == 0.0


@given(ESTIMATES, POWERS, st.sampled_from([Prints.FULL, Prints.CONFIRMED]), st.booleans(),
       st.integers(1, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 60))
@settings(max_examples=300, deadline=None)
def test_print_and_level_of_a_packet_commute(kind: int, n: float, prints: Prints, carry: bool,
                                             front: int, back: int, lots: int,
                                             after: int) -> None:
    results = []
    for level_first in (False, True):
        queue = Queue(kind, float(front), n=n, prints=int(prints), carry=carry)
        queue.level(float(front + back))
        queue.end_packet()
        after = min(after, front + back)
        reached = 0
        for step in ("level", "print") if level_first else ("print", "level"):
            reached += (queue.level(float(after)) if step == "level"
                        else queue.print_lots(float(lots)))
        queue.end_packet()
        results.append((reached, round(queue.ahead, 9)))
    assert results[0] == results[1]


@given(ESTIMATES, POWERS, st.floats(0.0, 1e9), st.floats(0.0, 1e9))
def test_share_of_cancels_from_behind_is_a_probability(kind: int, n: float, front: float,
                                                       back: float) -> None:
    share = Queue(kind, 0.0, n=n).behind_share(front, back)
    assert 0.0 <= share <= 1.0
    assert Queue(kind, 0.0, n=n).behind_share(front, back + 1.0) >= share - 1e-12


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 80), POWERS)
def test_cancels_move_risk_averse_least(front: int, back: int, gone: int, n: float) -> None:
    ends = {}
    for kind, name in enumerate(QUEUE_NAMES[:-1]):
        queue = Queue(kind, float(front), n=n)
        queue.level(float(front + back))
        queue.end_packet()
        queue.level(float(max(front + back - gone, 0)))
        queue.end_packet()
        ends[name] = queue.ahead
    assert all(ahead <= ends["risk_averse"] + 1e-9 for ahead in ends.values())

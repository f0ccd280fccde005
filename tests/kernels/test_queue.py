"""Queue models: values worked out by hand."""

import math

import numpy as np
import pytest

from dreammaker._ext.queue import Arrivals, Queue
from dreammaker.domain.schema import EVENT_DTYPE, Kind
from dreammaker.exchange.queue import QUEUE_NAMES, Prints

ESTIMATES = [name for name in QUEUE_NAMES if name != "fifo"]


def queue_of(name: str, shown: float, **options) -> Queue:
    return Queue(QUEUE_NAMES.index(name), shown, **options)


@pytest.mark.parametrize("name", ESTIMATES)
def test_prints_when_they_pass_what_stands_ahead_then_the_rest_reaches_us(name: str) -> None:
    queue = queue_of(name, 5.0)
    assert (queue.print_lots(4.0), queue.ahead) == (0, 1.0)
    assert (queue.print_lots(3.0), queue.ahead) == (2, 0.0)
    assert queue.print_lots(2.0) == 2


@pytest.mark.parametrize(("name", "n", "front", "back", "share"), [
    ("risk_averse", 1.0, 6.0, 2.0, 1.0),
    ("power", 1.0, 6.0, 2.0, 0.25),
    ("power", 2.0, 6.0, 2.0, 4 / 40),
    ("power", 3.0, 6.0, 2.0, 8 / 224),
    ("power", 0.5, 4.0, 1.0, 1 / 3),
    ("power_2", 2.0, 6.0, 2.0, 4 / 64),
    ("power_3", 2.0, 6.0, 2.0, 1 - 36 / 64),
    ("log", 1.0, 7.0, 3.0, math.log(4) / (math.log(4) + math.log(8))),
    ("log_2", 1.0, 7.0, 3.0, math.log(4) / math.log(11)),
    ("power", 2.0, 5.0, 0.0, 0.0),
    ("log", 1.0, 0.0, 4.0, 1.0),
])
def test_probability_that_a_cancel_came_from_behind(name: str, n: float, front: float,
                                                    back: float, share: float) -> None:
    assert queue_of(name, 1.0, n=n).behind_share(front, back) == pytest.approx(share, rel=1e-14)


@pytest.mark.parametrize(("name", "n", "ahead"), [
    ("risk_averse", 1.0, 6.0),     # 6 ahead, 4 behind; 2 leave from behind
    ("power", 1.0, 4.8),           # behind 0.4: 2 x 0.6 leave from before us
    ("power", 2.0, 6 - 2 * 36 / 52),
    ("power_2", 2.0, 6 - 2 * (1 - 0.16)),
    ("power_3", 2.0, 6 - 2 * 0.36),
])
def test_cancels_leave_by_the_models_probability(name: str, n: float, ahead: float) -> None:
    queue = queue_of(name, 6.0, n=n)
    queue.level(10.0)
    queue.end_packet()
    queue.level(8.0)
    queue.end_packet()
    assert queue.ahead == pytest.approx(ahead, rel=1e-14)


@pytest.mark.parametrize("name", ESTIMATES)
def test_no_more_stands_ahead_than_the_level_shows(name: str) -> None:
    queue = queue_of(name, 6.0)
    queue.level(20.0)
    queue.end_packet()
    queue.level(1.0)
    assert queue.ahead <= 1.0
    queue.level(0.0)
    queue.end_packet()
    assert queue.ahead == 0.0
    assert queue.print_lots(1.0) == 1


@pytest.mark.parametrize("name", ESTIMATES)
@pytest.mark.parametrize("carry", [False, True])
def test_print_and_level_in_either_order_then_the_queue_moves_once(name: str,
                                                                   carry: bool) -> None:
    ends = []
    for level_first in (False, True):
        queue = queue_of(name, 8.0, n=2.0, carry=carry)
        queue.level(10.0)
        queue.end_packet()
        steps = [lambda q: q.print_lots(4.0), lambda q: q.level(6.0)]
        assert [step(queue) for step in (steps[::-1] if level_first else steps)] == [0, 0]
        ends.append(queue.ahead)
    assert ends == [4.0, 4.0]


@pytest.mark.parametrize("carry", [False, True])
def test_print_of_an_earlier_packet_explains_a_later_decrease_only_with_carry(carry: bool) -> None:
    queue = queue_of("power", 8.0, carry=carry)
    queue.print_lots(4.0)
    queue.end_packet()
    queue.level(4.0)
    # Without carry they are cancels: 4 stand ahead and 4 behind, so half of them.
    assert queue.ahead == (4.0 if carry else 2.0)


def test_decrease_told_a_packet_before_its_print_then_it_looks_like_a_cancel() -> None:
    queue = queue_of("power", 8.0, carry=True)
    queue.level(12.0)
    queue.end_packet()
    queue.level(9.0)          # 3 x 2/3 from before us
    queue.end_packet()
    assert queue.ahead == pytest.approx(6.0)
    queue.print_lots(3.0)
    assert queue.ahead == pytest.approx(3.0)


def test_confirmed_prints_then_only_what_the_level_lost_counts() -> None:
    queue = queue_of("risk_averse", 3.0, prints=Prints.CONFIRMED)
    assert queue.print_lots(10.0) == 0
    assert queue.level(3.0) == 0
    queue.end_packet()
    assert queue.ahead == 3.0
    queue.level(9.0)
    queue.end_packet()
    queue.print_lots(5.0)
    assert queue.level(5.0) == 1      # 4 of the 5 came out of the level, 3 stood ahead
    queue.end_packet()
    assert queue.level(4.0) == 0      # a cancel fills nobody


def test_confirmed_prints_when_the_level_was_told_first() -> None:
    queue = queue_of("risk_averse", 3.0, prints=Prints.CONFIRMED)
    queue.level(9.0)
    queue.end_packet()
    assert queue.level(5.0) == 0
    assert queue.print_lots(5.0) == 1


def test_shared_prints_then_parts_of_lots_add_up() -> None:
    queue = queue_of("risk_averse", 0.0, prints=Prints.SHARED, print_share=0.7)
    assert [queue.print_lots(1.0) for _ in range(10)] == [0, 1, 1, 0, 1, 1, 0, 1, 1, 1]


def test_what_went_to_earlier_orders_of_ours_does_not_move_the_queue() -> None:
    queue = queue_of("risk_averse", 4.0)
    assert queue.print_lots(6.0, 3.0) == 0
    assert queue.ahead == 1.0
    assert queue.level(4.0) == 0
    assert queue.ahead == 1.0


def test_fifo_moves_by_what_left_from_ahead() -> None:
    queue = queue_of("fifo", 9.0)
    assert queue.order_left(False, 4.0, False) == 0
    assert queue.ahead == 9.0
    assert queue.order_left(True, 5.0, False) == 0
    assert queue.order_left(True, 4.0, True) == 0
    assert queue.ahead == 0.0
    assert queue.order_left(False, 3.0, True) == 3
    queue.level(2.0)
    assert queue.print_lots(5.0) == 0      # others are shown behind us and were passed by
    queue.level(0.0)
    assert queue.print_lots(5.0) == 5


def test_arrivals_keep_rank_through_a_smaller_size_and_lose_it_otherwise() -> None:
    rows = [(Kind.ORDER_ADD, 7, 100, 5, 0), (Kind.ORDER_ADD, 8, 100, 5, 0),
            (Kind.ORDER_MODIFY, 7, 100, 3, 0), (Kind.ORDER_MODIFY, 8, 100, 6, 0),
            (Kind.ORDER_CANCEL, 7, 100, -1, 1), (Kind.ORDER_EXECUTE, 8, 100, 2, 0),
            (Kind.ORDER_CANCEL, 99, 100, 4, 0), (Kind.ORDER_MODIFY, 8, 101, 4, 0)]
    events = np.zeros(len(rows), EVENT_DTYPE)
    for event, (kind, number, price, qty, aux) in zip(events, rows, strict=True):
        event["kind"], event["order_id"], event["side"] = kind, number, 1
        event["price_ticks"], event["qty_lots"], event["aux"] = price, qty, aux
    arrivals = Arrivals()
    assert arrivals.apply(events) == [
        (2, 1, 1, 100, 2, False),     # the smaller size keeps rank 1
        (3, 2, 1, 100, 5, False),     # the larger leaves rank 2 whole and gets rank 3
        (4, 1, 1, 100, 3, True),      # a cancel that a fill caused
        (5, 3, 1, 100, 2, True),
        (6, 0, 1, 100, 4, False),     # older than the record
        (7, 3, 1, 100, 4, False),
    ]
    assert (arrivals.count, arrivals.arrive()) == (1, 5)


@pytest.mark.parametrize(("options", "message"), [
    ({"kind": 7}, "kind"), ({"kind": 1, "n": 0.0}, "n must"), ({"prints": 3}, "prints"),
    ({"print_share": 1.5}, "print_share"), ({"shown": -1.0}, "shown"),
])
def test_parameters_out_of_range_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Queue(**{"kind": 0, "shown": 1.0, **options})

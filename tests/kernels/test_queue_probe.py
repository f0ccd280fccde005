"""Probe orders: planted markets with a known truth, the naive twin, and the rules one by one."""

import numpy as np
import pytest

from dreammaker._ext.queue_probe import ProbeRun
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind, Phase
from dreammaker.exchange.queue import QUEUE_NAMES
from dreammaker.exchange.queue_probes import End
from tests.kernels.naive_queue_probe import NS, naive_outcomes, planted_market

MODELS = [("risk_averse", 1.0, False), ("power", 1.0, False), ("power", 2.5, False),
          ("power_2", 3.0, False), ("power_3", 0.5, False), ("log", 1.0, False),
          ("log_2", 1.0, False), ("risk_averse", 1.0, True), ("power", 2.0, True)]
TOUCH = np.iinfo(np.int32).min


def model_rows(models: list[tuple[str, float, bool]]) -> np.ndarray:
    return np.array([[QUEUE_NAMES.index(name), n, confirmed, 1.0, 0.0]
                     for name, n, confirmed in models])


def probe_run(join: list[int], sides: list[int], qty: list[int], horizon: int, **options
              ) -> ProbeRun:
    models = options.pop("models", MODELS)
    count = len(join)
    prices = options.pop("prices", [TOUCH] * count)
    times = np.array(join, np.int64)
    return ProbeRun(times, np.array(sides, np.int8), np.array(prices, np.int32),
                    np.array(qty, np.int32), times + horizon, model_rows(models),
                    max_live=count + 1, **options)


@pytest.mark.parametrize("style", ["lobster", "dbn"])
@pytest.mark.parametrize("seed", range(8))
def test_planted_market_then_kernel_and_twin_agree(seed: int, style: str) -> None:
    events = planted_market(seed, style=style)
    rng = np.random.default_rng(seed + 100)
    count = 120
    join = np.sort(rng.integers(0, events["exch_ns"][-1] + NS, count)).tolist()
    sides, qty = rng.choice([1, -1], count).tolist(), rng.integers(1, 5, count).tolist()
    run = probe_run(join, sides, qty, 30 * NS)
    cut = len(events) // 3
    times = events["exch_ns"].copy()
    run.advance(events[:cut], times[:cut])
    run.advance(events[cut:], times[cut:])
    run.finish()
    fills, ends, prices = naive_outcomes(events, join, sides, qty, 30 * NS, MODELS)
    placed = run.end_reason != End.NOT_PLACED
    assert placed.tolist() == (prices >= 0).tolist()
    assert run.price_ticks[placed].tolist() == prices[placed].tolist()
    np.testing.assert_array_equal(run.fill_ns[:, placed], fills[:, placed])
    assert run.end_ns[placed].tolist() == ends[placed].tolist()
    assert run.truth_capped == 0 and run.out_of_turn == 0
    truth, careful = run.fill_ns[-1, placed], run.fill_ns[0, placed]
    assert 20 < (truth >= 0).sum() < placed.sum()
    # Risk-averse never has fewer before it than there are: it fills nothing that truth does not.
    assert (truth[careful >= 0] >= 0).all()
    assert (careful[careful >= 0] >= truth[careful >= 0]).all()


def test_planted_market_then_the_models_do_differ() -> None:
    events = planted_market(1, style="dbn")
    join = np.linspace(2 * NS, events["exch_ns"][-1], 300).astype(np.int64).tolist()
    run = probe_run(join, [1, -1] * 150, [2] * 300, 30 * NS)
    run.advance(events, events["exch_ns"].copy())
    run.finish()
    assert len({tuple(row) for row in run.fill_ns.tolist()}) >= len(MODELS)


def records(*rows: tuple) -> np.ndarray:
    """(seconds, kind, side, price, lots, order, flags[, aux]): one packet each."""
    events = np.zeros(len(rows), EVENT_DTYPE)
    for event, (seconds, kind, side, price, lots, order, flags, *aux) in zip(events, rows,
                                                                             strict=True):
        event["exch_ns"], event["kind"], event["side"] = seconds * NS, kind, side
        event["price_ticks"], event["qty_lots"], event["order_id"] = price, lots, order
        event["flags"], event["aux"] = flags, aux[0] if aux else 0
    return events


BOOK = [(1, Kind.ORDER_ADD, 1, 100, 3, 1, Flag.LAST), (1, Kind.ORDER_ADD, 1, 100, 2, 2, Flag.LAST),
        (1, Kind.ORDER_ADD, -1, 103, 4, 3, Flag.LAST), (1, Kind.ORDER_ADD, 1, 99, 9, 4, Flag.LAST)]


def follow(*rows: tuple, qty: int = 1, horizon: int = 100 * NS, **options) -> ProbeRun:
    """One bid probe at the touch at 1.5 s."""
    events = records(*BOOK, *rows)
    run = probe_run([1_500_000_000], [1], [qty], horizon, **options)
    run.advance(events, events["exch_ns"].copy())
    run.finish()
    return run


def fills(run: ProbeRun, model: int) -> float | None:
    time = int(run.fill_ns[model, 0])
    return None if time < 0 else time / NS


TRUTH = -1


def test_executions_behind_the_probe_are_its_own() -> None:
    run = follow((2, Kind.ORDER_ADD, 1, 100, 5, 5, Flag.LAST),
                 (3, Kind.ORDER_EXECUTE, 1, 100, 3, 1, Flag.LAST),
                 (4, Kind.ORDER_CANCEL, 1, 100, 2, 2, Flag.LAST),
                 (5, Kind.ORDER_EXECUTE, 1, 100, 1, 5, Flag.LAST),
                 (6, Kind.ORDER_EXECUTE, 1, 100, 1, 5, Flag.LAST), qty=2)
    # 5 stood ahead, 3 were executed, 2 cancelled: the lots at 5 and 6 s are ours in truth. The
    # cancel looks like one from behind to the risk-averse model, which waits for two more.
    assert (run.shown_lots[0], run.price_ticks[0]) == (5, 100)
    assert fills(run, TRUTH) == 6
    assert fills(run, 0) is None


def test_order_that_joins_later_and_cancels_then_truth_does_not_advance() -> None:
    run = follow((2, Kind.ORDER_ADD, 1, 100, 5, 5, Flag.LAST),
                 (3, Kind.ORDER_CANCEL, 1, 100, 5, 5, Flag.LAST),
                 (4, Kind.ORDER_EXECUTE, 1, 100, 3, 1, Flag.LAST),
                 (5, Kind.ORDER_EXECUTE, 1, 100, 2, 2, Flag.LAST))
    assert fills(run, TRUTH) is None and fills(run, 0) is None
    # By the power model half of the cancel came from before us: 2.5 of 5 are left, then 0.
    assert fills(run, 1) == 5


@pytest.mark.parametrize(("row", "time"), [
    ((2, Kind.TRADE, -1, 99, 1, 0, Flag.LAST), 2),          # through the price
    ((2, Kind.TRADE, 1, 99, 1, 0, Flag.LAST), None),        # the wrong aggressor
    ((2, Kind.TRADE, -1, 99, 1, 0, Flag.LAST | Flag.OFF_GRID), None),
    ((2, Kind.TRADE, -1, 101, 9, 0, Flag.LAST), None),      # better than ours
    ((2, Kind.ORDER_ADD, -1, 100, 1, 9, Flag.LAST), 2),     # an offer at our price
    ((2, Kind.TRADE, -1, 100, 4, 0, Flag.LAST | Flag.HIDDEN), None),
])
def test_fills_that_do_not_come_through_the_queue(row: tuple, time: float | None) -> None:
    run = follow(row)
    assert fills(run, TRUTH) == time
    assert fills(run, 0) == time


def test_hidden_execution_at_the_price_then_ours_only_when_alone() -> None:
    hidden = (4, Kind.TRADE, -1, 100, 1, 0, Flag.LAST | Flag.HIDDEN)
    gone = [(2, Kind.ORDER_CANCEL, 1, 100, 3, 1, Flag.LAST),
            (3, Kind.ORDER_CANCEL, 1, 100, 2, 2, Flag.LAST)]
    assert fills(follow(*gone, hidden), TRUTH) == 4
    assert fills(follow(gone[0], hidden), TRUTH) is None


@pytest.mark.parametrize(("row", "reason", "time"), [
    ((2, Kind.ORDER_ADD, 1, 101, 1, 9, Flag.LAST), End.MOVED_AWAY, 2.0),
    ((2, Kind.SESSION, 0, 0, 0, 0, Flag.LAST, Phase.AUCTION), End.NOT_CONTINUOUS, 2.0),
    ((2, Kind.TRADE, 0, 100, 1, 0, Flag.LAST | Flag.AUCTION), End.NOT_CONTINUOUS, 2.0),
    ((2, Kind.CLEAR, 0, 0, 0, 0, Flag.LAST), End.CLEARED, 2.0),
    ((200, Kind.ORDER_ADD, 1, 98, 1, 9, Flag.LAST), End.DEADLINE, 101.5),
    ((2, Kind.ORDER_ADD, 1, 98, 1, 9, Flag.LAST), End.RECORD_OVER, 2.0),
    ((2, Kind.TRADE, -1, 99, 1, 0, Flag.LAST), End.FILLED, 2.0),
])
def test_ends(row: tuple, reason: End, time: float) -> None:
    run = follow(row)
    assert (End(run.end_reason[0]), run.end_ns[0] / NS) == (reason, time)


def test_stay_then_the_market_may_come_back() -> None:
    rows = [(2, Kind.ORDER_ADD, 1, 101, 1, 9, Flag.LAST),
            (3, Kind.ORDER_CANCEL, 1, 101, 1, 9, Flag.LAST),
            (4, Kind.TRADE, -1, 99, 1, 0, Flag.LAST)]
    assert fills(follow(*rows), TRUTH) is None
    assert fills(follow(*rows, stay=True), TRUTH) == 4


def test_not_placed_when_closed_or_crossed_or_before_the_book() -> None:
    closed = (1, Kind.SESSION, 0, 0, 0, 0, Flag.LAST, Phase.HALT)
    crossed = (1, Kind.ORDER_ADD, -1, 99, 1, 8, Flag.LAST)
    for extra in (closed, crossed):
        run = follow(extra, (2, Kind.ORDER_ADD, 1, 98, 1, 9, Flag.LAST))
        assert run.end_reason[0] == End.NOT_PLACED


def test_polled_levels_then_models_learn_late_and_truth_does_not() -> None:
    rows = [(2, Kind.ORDER_CANCEL, 1, 100, 3, 1, Flag.LAST),
            (3, Kind.ORDER_CANCEL, 1, 100, 2, 2, Flag.LAST),
            (4, Kind.TRADE, -1, 100, 1, 0, Flag.LAST),
            (11, Kind.ORDER_ADD, 1, 98, 1, 9, Flag.LAST),
            (12, Kind.TRADE, -1, 100, 1, 0, Flag.LAST)]
    at_once, polled = follow(*rows), follow(*rows, poll_ns=10 * NS, carry=True)
    assert fills(at_once, TRUTH) == fills(polled, TRUTH) == 4
    assert fills(at_once, 0) == 4
    # The poll at 10 s (seen before the packet at 11 s) shows that nobody is left.
    assert fills(polled, 0) == 12


def test_own_orders_in_the_record_are_taken_out_of_the_level() -> None:
    rows = [(2, Kind.ORDER_ADD, 1, 100, 1, 77, Flag.LAST),       # ours, as the venue shows it
            (3, Kind.ORDER_CANCEL, 1, 100, 3, 1, Flag.LAST),
            (4, Kind.ORDER_CANCEL, 1, 100, 2, 2, Flag.LAST),
            (5, Kind.TRADE, -1, 100, 1, 0, Flag.LAST)]
    assert fills(follow(*rows), 0) is None
    assert fills(follow(*rows, own_shown=True), 0) == 5


def test_iceberg_refill_and_an_aggressor_of_its_own_side() -> None:
    trade = (2, Kind.TRADE, -1, 100, 3, 0, 0)
    refill = (2, Kind.ORDER_MODIFY, 1, 100, 3, 1, Flag.LAST, 1)
    run = follow(trade, refill, (3, Kind.TRADE, -1, 100, 2, 0, 0),
                 (3, Kind.ORDER_CANCEL, 1, 100, 2, 2, Flag.LAST, 1),
                 (4, Kind.TRADE, -1, 100, 1, 0, 0),
                 (4, Kind.ORDER_MODIFY, 1, 100, 2, 1, Flag.LAST, 1))
    assert fills(run, TRUTH) == 4       # the refilled order stands behind us
    # A bid that moved up to take is no execution of the bids: nothing reaches us.
    run = follow((2, Kind.ORDER_ADD, 1, 100, 1, 9, Flag.LAST), (3, Kind.TRADE, 1, 103, 1, 0, 0),
                 (3, Kind.ORDER_CANCEL, 1, 100, 1, 9, Flag.LAST, 1))
    assert fills(run, TRUTH) is None


def test_at_the_front_then_the_first_print_fills() -> None:
    events = records(*BOOK, (2, Kind.ORDER_EXECUTE, 1, 100, 1, 1, Flag.LAST))
    time = np.array([1_500_000_000])
    run = ProbeRun(time, np.array([1], np.int8), np.array([TOUCH], np.int32),
                   np.array([1], np.int32), time + NS,
                   np.array([[0, 1, 0, 1, 0], [0, 1, 0, 1, 1.0]]))
    run.advance(events, events["exch_ns"].copy())
    run.finish()
    assert (run.fill_ns[:, 0] >= 0).tolist() == [False, True, False]


def test_excess_of_a_print_over_the_orders_shown_reaches_who_is_first() -> None:
    # An iceberg's hidden part stands behind those shown: 7 printed, 5 were shown before us.
    cleared = [(2, Kind.TRADE, -1, 100, 7, 0, 0), (2, Kind.ORDER_CANCEL, 1, 100, 3, 1, 0, 1),
               (2, Kind.ORDER_CANCEL, 1, 100, 2, 2, Flag.LAST, 1)]
    assert fills(follow(*cleared, qty=2), TRUTH) == 2
    assert fills(follow(*cleared, qty=3), TRUTH) is None
    kept = [(2, Kind.TRADE, -1, 100, 7, 0, 0), (2, Kind.ORDER_CANCEL, 1, 100, 3, 1, Flag.LAST, 1)]
    assert fills(follow(*kept), TRUTH) is None


@pytest.mark.parametrize(("change", "message"), [
    ({"sides": [0]}, "probe 0"), ({"qty": [0]}, "probe 0"), ({"poll_ns": -1}, "poll_ns"),
    ({"models": [("fifo", 1.0, False)]}, "model 0"), ({"models": [("power", 0.0, False)]},
                                                      "model 0"),
])
def test_bad_probes_are_refused(change: dict, message: str) -> None:
    options = {"join": [5], "sides": [1], "qty": [1], "horizon": 10, **change}
    with pytest.raises(ValueError, match=message):
        probe_run(**options)


def test_damaged_record_is_an_error() -> None:
    events = records(*BOOK, (2, Kind.LEVEL_SET, 3, 100, 1, 0, Flag.LAST))
    run = probe_run([5], [1], [1], 10)
    with pytest.raises(ValueError, match="record 4 is damaged"):
        run.advance(events, events["exch_ns"].copy())

"""Parent orders through the agents, against a scripted broker: the way of each, and the faults."""

import numpy as np
import pytest

from dreammaker.agents.base import AgentState
from dreammaker.domain.orders import Reason
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.loop import LoopCommand
from dreammaker.engine.messages import Capability, MessageType, Topic
from dreammaker.execution import ParentState
from dreammaker.features.config import FEATURE_NAMES
from dreammaker.store.journal import Entry
from tests.unit.execution_bench import LIMIT, MARKET, Bench, K

SECOND = NS_PER_S
RISK = {"max_position_lots": 200, "max_order_lots": 200, "max_orders_per_minute": 1000,
        "max_working_orders": 10, "max_notional": 1e9, "max_net_notional": 1e9,
        "max_gross_notional": 1e9, "max_reject_share": 1.0, "capital": 1e9}
TWAP = {"algorithm": "twap", "horizon_s": 50.0, "slice_s": 10.0, "size_jitter": 0.0,
        "time_jitter": 0.0, "urgency": 0.5, "finish_s": 2.0, "review_ms": 500.0}


class Desk(Bench):
    """A bench whose agent works parents; ``can_move`` as the venue allows."""

    def __init__(self, can_move=False, risk=None, **execution):
        super().__init__(risk=RISK | (risk or {}), **(TWAP | execution))
        self.desk = self.agent.desk
        self.desk.can_move = can_move

    def accept(self, number=None):
        self.report(K.ACCEPTED, number or self.last.client_order_id)

    def fill(self, number=None, lots=None, price=26_000):
        number = number or self.last.client_order_id
        leaves = self.ledger.working[number].leaves_lots
        self.report(K.FILLED, number, lots or leaves, price)

    def cancel_all(self):
        """Answer every cancel that is out."""
        for number in list(self.ledger.working):
            if number in self.broker.cancels:
                self.report(K.CANCELED, number)

    @property
    def children(self):
        """What the broker has, as (lots, price)."""
        return [(o.qty_lots, o.price_ticks) for o in self.broker.submitted]

    @property
    def parents(self):
        records = self.context.journal.entries.records
        rows = records[records["kind"] == Entry.PARENT]
        return [(ParentState(int(row["code"])).name, int(row["qty_lots"]), int(row["x"]))
                for row in rows]


# The way of a parent.


def test_twap_when_all_fills_passively_then_slices_sum_and_parent_completes():
    bench = Desk()
    bench.target(103)
    for slice_index in range(5):
        bench.accept()
        bench.fill()
        if slice_index < 4:
            bench.later(10 * SECOND)
    assert bench.children == [(21, 26_000), (20, 26_000), (21, 26_000), (20, 26_000),
                              (21, 26_000)]
    assert bench.parents == [("WORKING", 103, 0), ("COMPLETE", 103, 103)]
    assert bench.ledger.position.lots == bench.agent.target.lots == 103
    assert all(order.parent_id == 1 for order in bench.broker.submitted)


def test_slice_when_not_filled_in_its_patience_then_it_crosses():
    bench = Desk()
    bench.target(50)
    bench.accept()
    bench.fill(1, 4)
    bench.later(5 * SECOND)
    # Its patient order holds all that is due: it has to go before the rest may cross.
    assert bench.broker.cancels == [1]
    bench.report(K.CANCELED, 1)
    assert bench.children[1:] == [(6, 26_003)]
    bench.fill(2, price=26_001)
    assert bench.ledger.position.lots == 10


def test_slice_when_the_venue_changes_prices_then_the_order_is_moved():
    bench = Desk(can_move=True)
    bench.target(50)
    bench.accept()
    bench.fill(1, 4)
    bench.later(5 * SECOND)
    assert bench.broker.cancels == []
    assert [(r.client_order_id, r.qty_lots, r.price_ticks) for r in bench.broker.replaced] == [
        (1, 10, 26_003)]
    bench.report(K.REPLACED, 1, price_ticks=26_003, leaves_lots=6, cum_lots=4)
    bench.fill(1, 6, 26_001)
    assert bench.ledger.position.lots == 10
    kinds = bench.context.journal.entries.records["kind"].tolist()
    assert Entry.REPLACE in kinds


def test_crossing_child_when_it_meets_too_little_then_given_up_and_sent_again():
    bench = Desk(urgency=1.0)
    bench.target(50)
    assert bench.children == [(10, 26_003)]
    bench.accept()
    bench.fill(1, 3, 26_001)
    bench.later(250_000_000)
    assert bench.broker.cancels == [1]
    bench.quote(26_004, 26_005)
    bench.report(K.CANCELED, 1)
    assert bench.children == [(10, 26_003), (7, 26_007)]


def test_patient_child_when_the_touch_runs_away_then_it_follows():
    bench = Desk(urgency=0.0)
    bench.target(50)
    bench.accept()
    bench.quote(26_002, 26_003)
    bench.later(SECOND // 2)
    assert bench.broker.cancels == []
    bench.later(SECOND)
    assert bench.broker.cancels == [1]
    bench.report(K.CANCELED, 1)
    assert bench.children == [(10, 26_000), (10, 26_002)]


def test_price_limit_when_the_market_runs_beyond_then_nothing_crosses():
    bench = Desk(price_limit_ticks=1, urgency=1.0, leftover="cross")
    bench.quote(26_000, 26_001)
    bench.target(50)
    assert bench.children == [(10, 26_002)]
    bench.fill(1, 10, 26_001)
    bench.quote(26_010, 26_011)
    bench.later(49 * SECOND)
    assert {price for _, price in bench.children[1:]} == {26_002}
    bench.later(2 * SECOND)
    bench.cancel_all()
    bench.later(SECOND)
    assert bench.parents[-1] == ("EXPIRED", 50, 10)


@pytest.mark.parametrize(("leftover", "crossed"), [("cross", True), ("give_up", False)])
def test_leftover_at_the_end_is_crossed_or_given_up(leftover, crossed):
    bench = Desk(algorithm="iceberg", peak_lots=5, peak_jitter=0.0, leftover=leftover)
    bench.target(20)
    bench.accept()
    assert bench.children == [(5, 26_000)]
    bench.fill()
    assert bench.children == [(5, 26_000), (5, 26_000)]
    bench.later(48 * SECOND)
    if crossed:
        # Beside the peak that rests there is room for the rest.
        assert bench.children[2:] == [(10, 26_003)]
        bench.fill(3, price=26_001)
    else:
        assert len(bench.children) == 2
    bench.later(2 * SECOND)
    assert 2 in bench.broker.cancels
    bench.report(K.CANCELED, 2)
    assert bench.parents[-1] == ("EXPIRED", 20, 15 if crossed else 5)
    bench.later(60 * SECOND)
    assert len(bench.children) == (3 if crossed else 2)


def test_iceberg_shows_random_peaks_that_sum_to_the_parent():
    bench = Desk(algorithm="iceberg", peak_lots=10, peak_jitter=0.5)
    bench.target(100)
    while bench.desk.work is not None:
        bench.accept()
        bench.fill()
    peaks = [lots for lots, _ in bench.children]
    assert sum(peaks) == 100
    assert max(peaks) <= 15
    assert len(set(peaks)) > 3
    assert bench.parents[-1] == ("COMPLETE", 100, 100)


def test_pov_follows_others_volume_and_crosses_what_falls_behind():
    bench = Desk(algorithm="pov", pov_rate=0.2, pov_behind_lots=10)
    bench.market.session_volume = 5_000
    bench.target(60)
    assert bench.children == []
    bench.market.session_volume = 5_020
    bench.later(SECOND)
    assert bench.children == [(5, 26_000)]
    bench.accept()
    bench.market.session_volume = 5_100
    bench.later(SECOND)
    # 25 are due, 15 must be done: 5 rest, 15 cross beside them, and what is left joins the touch.
    assert bench.children[1:] == [(15, 26_003), (5, 26_000)]


def test_participation_limit_caps_every_algorithm():
    bench = Desk(participation_limit=0.1, urgency=1.0, leftover="cross", finish_s=5.0)
    bench.target(100)
    bench.later(10 * SECOND)
    assert bench.children == []
    bench.market.session_volume = 90
    bench.later(SECOND)
    assert bench.children == [(10, 26_003)]
    bench.fill(price=26_001)
    bench.later(38 * SECOND)
    assert len(bench.children) == 1
    bench.later(3 * SECOND)
    assert bench.parents[-1] == ("EXPIRED", 100, 10)


def test_own_trades_in_the_feed_are_not_others_volume():
    bench = Desk(algorithm="pov", pov_rate=0.5, pov_behind_lots=100)
    bench.desk.own_in_feed = True
    bench.target(100)
    bench.market.session_volume = 10
    bench.later(SECOND)
    bench.accept()
    bench.fill()
    bench.market.session_volume = 20
    bench.later(SECOND)
    assert bench.children == [(10, 26_000)]


def test_adaptive_waits_when_calm_and_crosses_when_wild():
    sent = {}
    for volatility in (0.0, 3e-3):
        bench = Desk(algorithm="adaptive", order_lots=50, risk_aversion=1e-4, fill_rate=5.0)
        bench.market.features[:] = 0.0
        bench.market.features[FEATURE_NAMES.index("mid_price")] = 130_002.5
        bench.market.features[FEATURE_NAMES.index("realized_volatility")] = volatility
        bench.target(50)
        bench.accept()
        bench.later(5 * SECOND)
        sent[volatility] = (bench.broker.cancels, [p for _, p in bench.children])
    assert sent[0.0][1] == [26_000]
    assert sent[3e-3] != sent[0.0]
    assert sent[3e-3][0] == [1] or 26_003 in sent[3e-3][1]


def test_vwap_takes_the_curve_from_the_open():
    bench = Desk(risk={"entry_start_minutes_after_open": 0.0}, algorithm="vwap", horizon_s=120.0,
                 slice_s=60.0, volume_curve=(("all", (1.0, 3.0)),), volume_bucket_minutes=1)
    bench.gate.window.open_ns = bench.context.clock.now_ns + 1
    bench.target(80)
    assert bench.children == [(20, 26_000)]


def test_small_entry_is_immediate_and_so_is_every_exit():
    bench = Desk(schedule_from_lots=10)
    bench.target(5)
    assert bench.children == [(5, 26_003)]
    bench.fill(price=26_001)
    bench.target(0)
    assert bench.orders[1] == (-1, 5, LIMIT)
    assert bench.parents == []


# What contradicts a parent.


def test_exit_in_mid_parent_cancels_it_and_goes_out_whole():
    bench = Desk()
    bench.target(50)
    bench.accept()
    bench.fill(1, 4)
    bench.target(0)
    assert bench.broker.cancels == [1]
    bench.report(K.CANCELED, 1)
    assert bench.parents[-1] == ("CANCELED", 50, 4)
    assert bench.orders[1:] == [(-1, 4, LIMIT)]
    assert bench.last.parent_id == 0
    bench.fill(2, price=26_000)
    bench.later(100 * SECOND)
    assert len(bench.orders) == 2


def test_flatten_in_mid_parent_sends_a_market_order_as_soon_as_the_cancel_is_answered():
    bench = Desk()
    bench.target(50)
    bench.accept()
    bench.fill(1, 4)
    bench.flatten()
    assert bench.broker.cancels == [1]
    bench.fill(1, 2)
    bench.report(K.CANCELED, 1)
    assert bench.orders[1:] == [(-1, 6, MARKET)]
    assert bench.parents[-1] == ("CANCELED", 50, 6)
    bench.fill(2)
    bench.later(100 * SECOND)
    assert (bench.ledger.position.lots, len(bench.orders)) == (0, 2)


def test_flatten_when_a_childs_outcome_is_unknown_then_it_does_not_wait():
    bench = Desk()
    bench.target(50)
    bench.accept()
    bench.fill(1, 4)
    bench.report(K.UNKNOWN, 1)
    bench.flatten()
    assert bench.orders[1:] == [(-1, 4, MARKET)]


def test_other_side_in_mid_parent_cancels_closes_and_opens_a_new_parent():
    bench = Desk()
    bench.target(50)
    bench.accept()
    bench.fill(1, 4)
    bench.target(-30)
    bench.report(K.CANCELED, 1)
    assert bench.orders[1:] == [(-1, 4, LIMIT)]
    bench.fill(2, price=26_000)
    assert bench.orders[2:] == [(-1, 6, LIMIT)]
    assert bench.last.price_ticks == 26_001
    assert bench.parents[-2:] == [("CANCELED", 50, 4), ("WORKING", 30, 0)]


def test_larger_target_in_mid_parent_begins_a_parent_for_the_difference():
    bench = Desk()
    bench.target(50)
    bench.accept()
    bench.fill(1, 4)
    bench.target(80)
    bench.report(K.CANCELED, 1)
    assert bench.parents[-2:] == [("CANCELED", 50, 4), ("WORKING", 76, 0)]


def test_same_target_again_changes_nothing():
    bench = Desk()
    bench.target(50)
    bench.accept()
    bench.target(50)
    bench.target(50)
    assert (len(bench.orders), bench.broker.cancels, len(bench.parents)) == (1, [], 1)


def test_stop_in_mid_parent_takes_the_children_back():
    bench = Desk()
    bench.target(50)
    bench.accept()
    bench.later(1)
    bench.coordinator._tell(MessageType.COMMAND, Topic.LIFECYCLE, Capability.EXECUTE, "wind down")
    bench.coordinator.pump()
    assert bench.broker.cancels == [1]
    bench.report(K.CANCELED, 1)
    assert bench.parents[-1] == ("CANCELED", 50, 0)
    bench.later(60 * SECOND)
    assert len(bench.orders) == 1


def test_kill_in_mid_parent_leaves_nothing_but_the_flattening():
    bench = Desk()
    bench.target(50)
    bench.accept()
    bench.fill(1, 4)
    bench.coordinator.on_command(LoopCommand.KILL)
    bench.report(K.CANCELED, 1)
    bench.later(3 * SECOND)
    assert all(side == -1 for side, _, _ in bench.orders[1:])
    assert bench.desk.work is None


# Faults.


def test_rejected_children_are_tried_again_with_doubling_pauses_and_then_given_up():
    bench = Desk(max_refusals=4, slice_s=50.0, urgency=0.0)
    bench.target(50)
    moments = []
    for number in range(1, 5):
        moments.append(bench.last.created_ns)
        bench.report(K.REJECTED, number, reason=Reason.HALTED)
        bench.later(8 * SECOND)
    assert len(bench.orders) == 4
    pauses = np.diff(moments) / SECOND
    assert bench.parents[-1] == ("CANCELED", 50, 0)
    assert (pauses >= [0.5, 1.0, 2.0]).all()
    assert bench.agent.target.lots == 0
    assert bench.agent.state is AgentState.RUNNING


def test_denied_children_end_the_parent_without_a_storm():
    bench = Desk(risk={"max_order_lots": 5}, max_refusals=3)
    bench.target(50)
    bench.later(30 * SECOND)
    assert bench.orders == []
    assert bench.agent.denied_counts[Reason.ORDER_SIZE] == 3
    assert bench.parents[-1] == ("CANCELED", 50, 0)


def test_a_fill_forgets_the_refusals():
    bench = Desk(max_refusals=2, urgency=0.0)
    bench.target(50)
    for number in (1, 3):
        bench.report(K.REJECTED, number, reason=Reason.HALTED)
        bench.later(SECOND)
        bench.accept()
        bench.fill()
        bench.later(10 * SECOND)
    assert bench.parents == [("WORKING", 50, 0)]


def test_refused_cancel_is_asked_again_until_it_is_through():
    bench = Desk()
    bench.target(50)
    bench.accept()
    bench.later(5 * SECOND)
    assert bench.broker.cancels == [1]
    bench.report(K.CANCEL_REJECTED, 1)
    bench.later(4 * SECOND)
    assert bench.broker.cancels.count(1) >= 2
    assert len(bench.orders) == 1
    bench.report(K.CANCELED, 1)
    assert bench.children[1:] == [(10, 26_003)]


def test_refused_change_leaves_the_order_and_counts_as_a_refusal():
    bench = Desk(can_move=True)
    bench.target(50)
    bench.accept()
    bench.later(5 * SECOND)
    assert len(bench.broker.replaced) == 1
    bench.report(K.REPLACE_REJECTED, 1)
    assert bench.desk.work.refusals == 1
    assert len(bench.broker.replaced) == 1
    bench.later(SECOND)
    assert [r.price_ticks for r in bench.broker.replaced] == [26_003, 26_003]
    assert bench.ledger.working[1].order.price_ticks == 26_000


def test_order_of_unknown_outcome_holds_the_parent_and_is_counted_as_out():
    bench = Desk(urgency=0.0)
    bench.target(50)
    bench.report(K.UNKNOWN, 1)
    bench.later(70 * SECOND)
    assert bench.parents == [("WORKING", 50, 0)]
    assert sum(lots for lots, _ in bench.children) <= 50
    bench.fill(1)
    assert bench.ledger.position.lots == 10
    assert bench.parents[-1] == ("EXPIRED", 50, 10)


def test_fill_after_the_cancel_is_counted_once_and_never_overshoots():
    bench = Desk()
    bench.target(50)
    bench.accept()
    bench.later(5 * SECOND)
    # Four lots were filled and are on their way: six are missing.
    bench.report(K.CANCELED, 1, cum_lots=4)
    assert bench.children[1:] == [(6, 26_003)]
    bench.fill(1, 4)
    bench.report(K.FILLED, 1, 4, fill_id=1)
    assert bench.desk.work.filled_lots == 4
    assert len(bench.children) == 2


def test_broker_that_fails_on_a_child_ends_the_parent_and_flattens():
    bench = Desk()
    bench.target(50)
    bench.accept()
    bench.fill(1)
    bench.broker.fails_once = True
    bench.later(10 * SECOND)
    assert bench.agent.state is AgentState.ERROR
    bench.later(2 * SECOND)
    assert bench.agent.state is AgentState.RUNNING
    assert bench.desk.work is None
    assert bench.parents[-1][0] == "CANCELED"
    assert any(side == -1 for side, _, _ in bench.orders)


def test_approval_that_waited_while_the_agent_paused_is_not_sent():
    bench = Desk()
    bench.agent.pause()
    bench.target(50)
    bench.agent.resume()
    bench.later(SECOND)
    bench.coordinator.pump()
    bench.risk.pause()
    bench.fill(1)
    bench.later(10 * SECOND)
    sent = len(bench.orders)
    bench.risk.resume()
    bench.coordinator.pump()
    assert len(bench.orders) in (sent, sent + 1)
    assert sum(lots for lots, _ in bench.children) <= 20


# Records.


def test_parent_is_in_the_durable_record_and_its_costs_add_up():
    bench = Desk(urgency=1.0)
    bench.target(20)
    while bench.desk.work is not None:
        bench.fill(price=26_001)
        bench.later(10 * SECOND)
    rows = bench.db._db.execute(
        "select state, qty_lots, filled_lots, algorithm from parent order by id").fetchall()
    assert rows == [(1, 20, 0, "twap"), (3, 20, 20, "twap")]
    cost = bench.desk.costs.costs[0]
    assert cost.filled_lots == 20
    assert cost.average_price_ticks == 26_001
    # Half a tick a lot beyond the mid, which stood still.
    assert (cost.spread_micros, cost.impact_micros, cost.delay_micros) == (10_000_000, 0, 0)
    assert cost.twap_ticks == 26_000.5
    assert bench.desk.costs.summary()["parents"] == 1


def test_order_without_a_parent_is_measured_as_its_own():
    bench = Desk(algorithm="immediate")
    bench.target(4)
    bench.fill(1, 3, 26_002)
    assert bench.desk.costs.count == 0
    bench.quote(26_010, 26_011)
    bench.later(SECOND)
    bench.report(K.CANCELED, 1, cum_lots=3)
    entry = bench.desk.costs.costs[-1]
    assert (entry.algorithm, entry.parent_id) == ("immediate", 0)
    assert (entry.parent_lots, entry.filled_lots) == (4, 3)
    # Three lots a tick and a half beyond the mid, one that ran ten ticks away.
    assert (entry.spread_micros, entry.opportunity_micros) == (4_500_000, 10_000_000)
    bench.flatten()
    bench.fill(2, 3, 26_010)
    exit_cost = bench.desk.costs.costs[-1]
    assert (exit_cost.algorithm, exit_cost.side) == ("flatten", -1)
    assert exit_cost.shortfall_micros == 1_500_000
    assert bench.desk.costs.summary()["parents"] == 2

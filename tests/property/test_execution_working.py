"""What every execution algorithm keeps, whatever the market and the venue do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreammaker.domain.instrument import Instrument
from dreammaker.engine.clock import NS_PER_S
from dreammaker.execution import ExecutionConfig, ParentOrder
from dreammaker.execution.algorithms import Conditions
from dreammaker.execution.factory import AlgorithmFactory
from dreammaker.execution.schedules import follow_lots, participation
from dreammaker.execution.working import Child, Rules, Situation, StepKind, next_steps

ALGORITHMS = ("twap", "vwap", "pov", "almgren_chriss", "adaptive", "iceberg")
SECOND = NS_PER_S


class Venue:
    """Orders that fill, rest, are cancelled late or never answered, at random."""

    def __init__(self, rng):
        self.rng, self.orders, self.number = rng, {}, 0

    def children(self):
        return [Child(number, o["crossing"], o["price"], o["left"], o["settled"], o["canceling"],
                      o["placed"]) for number, o in self.orders.items()]

    def move(self, now, parent, can_move, step):
        order = self.orders[step.number]
        if not can_move:
            order["canceling"], order["settled"] = True, False
        else:
            order.update(price=step.price_ticks, crossing=step.crossing, placed=now)

    def act(self, bid, ask, side):
        """Lots filled: marketable orders mostly fill, patient ones sometimes, cancels come late."""
        filled, rng = 0, self.rng
        for number, order in list(self.orders.items()):
            far = ask if side > 0 else bid
            marketable = side * (order["price"] - far) >= 0
            if rng.random() < (0.8 if marketable else 0.15):
                done = int(rng.integers(1, order["left"] + 1))
                order["left"] -= done
                filled += done
            order["settled"] = not order["canceling"] and rng.random() < 0.9
            gone = order["canceling"] and rng.random() < 0.6
            if order["left"] == 0 or gone or (order["crossing"] and rng.random() < 0.5):
                del self.orders[number]
        return filled


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ALGORITHMS), st.integers(0, 2**32), st.integers(1, 400),
       st.sampled_from([1, -1]), st.sampled_from([1.0, 0.3, 0.05]), st.sampled_from([0, 3]),
       st.floats(0, 1), st.booleans(), st.sampled_from(["cross", "give_up"]))
def test_parent_when_worked_then_limits_hold(name, seed, lots, side, limit, price_limit, urgency,
                                             can_move, leftover):
    rng = np.random.default_rng(seed)
    config = ExecutionConfig(
        algorithm=name, horizon_s=60.0, slice_s=7.0, finish_s=6.0, urgency=urgency,
        max_child_lots=40, volume_curve=(("all", (1.0, 3.0, 2.0)),), volume_bucket_minutes=1,
        leftover=leftover, order_lots=lots)
    bid = 26_000
    far = bid + 1 if side > 0 else bid
    parent = ParentOrder(1, side, lots, 5 * SECOND, 65 * SECOND, name, limit,
                         far + side * price_limit if price_limit else None, urgency)
    work = AlgorithmFactory(config, Instrument.win()).make(
        parent, 0, 5.0, np.random.default_rng(seed))
    rules = Rules(2, 40, work.resting_children, SECOND)
    venue, filled, others = Venue(rng), 0, 0
    dues, musts = [], []
    for tick in range(160):
        now = 5 * SECOND + tick * SECOND // 2
        bid += int(rng.integers(-1, 2))
        ask = bid + int(rng.integers(1, 3))
        others += int(rng.integers(0, 30))
        ending = tick > 90 and seed % 3 == 0
        for _ in range(6):
            work.observe(Conditions(now, filled, others, ask - bid, float(rng.choice(
                [np.nan, 0.0, 3.0, 30.0])), float(rng.choice([np.nan, -0.9, 0.0, 0.9]))))
            due, must = work.due_lots(now), work.must_lots(now)
            dues.append(due)
            musts.append(must)
            if leftover == "cross" and now >= parent.end_ns - 6 * SECOND:
                due = must = lots
            if limit < 1.0:
                due = min(due, follow_lots(participation(limit), others))
            children = venue.children()
            steps = next_steps(parent, Situation(now, bid, ask, bool(rng.random() < 0.95), filled,
                                                 due, must, children, ending, work.child_lots()),
                               rules)
            for step in steps:
                if step.kind is StepKind.SEND:
                    out = sum(child.leaves_lots for child in children)
                    assert 1 <= step.lots <= 40
                    assert filled + out + step.lots <= min(due, lots)
                    assert parent.start_ns <= now < parent.end_ns
                    assert not ending
                    venue.number += 1
                    venue.orders[venue.number] = {
                        "crossing": step.crossing, "price": step.price_ticks, "left": step.lots,
                        "settled": False, "canceling": False, "placed": now}
                    if not step.crossing:
                        work.refilled()
                elif step.kind is StepKind.MOVE:
                    assert not ending
                    assert now < parent.end_ns
                    venue.move(now, parent, can_move, step)
                else:
                    venue.orders[step.number]["canceling"] = True
                if step.kind is not StepKind.CANCEL and parent.price_limit_ticks is not None:
                    assert side * (step.price_ticks - parent.price_limit_ticks) <= 0
            if not steps:
                break
        filled += venue.act(bid, ask, side)
        assert filled <= lots
        if limit < 1.0:
            assert filled <= limit / (1 - limit) * others + 1e-6
    assert dues == sorted(dues)
    assert all(0 <= must <= due <= lots for must, due in zip(musts, dues, strict=True))
    # A cancel that is asked for again and again gets through: nothing works long after the end.
    assert venue.orders == {}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_parent_when_everything_fills_then_complete_by_its_end(name):
    config = ExecutionConfig(algorithm=name, horizon_s=60.0, slice_s=5.0, order_lots=103,
                             volume_curve=(("all", (1.0,)),), pov_rate=0.2)
    parent = ParentOrder(1, 1, 103, 0, 60 * SECOND, name)
    work = AlgorithmFactory(config, Instrument.win()).make(parent, 0, 5.0,
                                                           np.random.default_rng(3))
    rules, filled = Rules(2, 50, 1, 0), 0
    for now in range(0, 60 * SECOND, SECOND // 2):
        others = 10 * now // SECOND
        work.observe(Conditions(now, filled, others, 1, 5.0, 0.0))
        due, must = work.due_lots(now), work.must_lots(now)
        if now >= 55 * SECOND:
            due = must = 103
        for step in next_steps(parent, Situation(now, 26_000, 26_001, True, filled, due, must, (),
                                                 False, work.child_lots()), rules):
            filled += step.lots
    assert filled == 103

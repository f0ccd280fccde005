"""Whole sessions under each execution algorithm: configured, run, and the same again."""

import numpy as np
import pytest

from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import open_source
from dreammaker.domain.errors import ConfigError
from dreammaker.execution import ParentState
from dreammaker.store.journal import Entry
from tests.end_to_end.sessions import short_config

LOTS = 40
ROOM = {"max_position_lots": 100, "max_order_lots": 100, "max_orders_per_minute": 100_000,
        "max_orders_per_second": 1000, "max_working_orders": 20, "max_notional": 1e9,
        "max_net_notional": 1e9, "max_gross_notional": 1e9, "capital": 1e9, "max_daily_loss": 1e8,
        "max_drawdown": 1e8, "max_consecutive_losses": 10_000, "max_messages_per_fill": 1e6,
        "max_reject_share": 1.0}


def config(algorithm, batch_events=4096, **execution):
    return short_config(
        2.5, batch_events=batch_events, risk=ROOM, model={"min_hold_s": 15.0},
        execution={"algorithm": algorithm, "order_lots": LOTS, "horizon_s": 20.0, "slice_s": 4.0,
                   "finish_s": 4.0, "max_child_lots": 10, **execution})


def run(settings):
    session = Session(settings, open_source(settings))
    return session, session.run()


@pytest.mark.parametrize(("name", "more"), [
    ("twap", {}), ("vwap", {"volume_curve": [["all", [3.0, 2.0]]], "volume_bucket_minutes": 1}),
    ("pov", {"pov_rate": 0.1}), ("almgren_chriss", {"time_jitter": 0.0}), ("adaptive", {}),
    ("iceberg", {"peak_lots": 4})])
def test_session_when_run_twice_then_same_journal_and_parents_keep_their_lots(name, more):
    session, result = run(config(name, **more))
    again = run(config(name, batch_events=97, **more))[1]
    assert result.digests["journal"] == again.digests["journal"]
    summary = result.summary
    assert summary["failures"] == []
    assert summary["stopped_by"] == ""
    assert summary["parents"]["parents"] >= 2
    assert 0 < summary["parents"]["filled_lots"] <= summary["parents"]["wanted_lots"]
    assert session.execution.desk.costs.totals_micros["fees"] == summary["fees_micros"]
    records = session.journal.entries.records
    rows = records[records["kind"] == Entry.PARENT]
    begun = rows[rows["code"] == ParentState.WORKING]
    ended = rows[rows["code"] != ParentState.WORKING]
    assert sorted(begun["order_id"]) == sorted(ended["order_id"])
    assert (ended["x"] <= ended["qty_lots"]).all()
    # What the parents' children were sent for: each within its parent's time, none above its lots.
    sent = records[records["kind"] == Entry.SUBMIT]
    children = sent[sent["a"] > 0]
    assert (children["qty_lots"] <= 10).all()
    for begin in begun:
        mine = children[children["a"] == begin["order_id"]]
        assert (mine["time_ns"] >= begin["time_ns"]).all()
        assert (mine["time_ns"] < begin["y"]).all()
    costs = [cost for cost in session.execution.desk.costs.costs if cost.parent_id]
    assert sum(cost.filled_lots for cost in costs) == int(ended["x"].sum())
    assert all(cost.shortfall_micros == round(a) for cost, a in zip(costs, ended["a"], strict=True))
    assert np.isfinite([cost.twap_ticks for cost in costs if cost.filled_lots]).all()


def test_session_when_the_seed_differs_then_the_slices_do():
    first = run(config("twap"))[0]
    # The same market, other slices: only the generator of the slices changes.
    second = Session(config("twap"), open_source(config("twap")))
    second.execution.desk._seed = 99
    second.run()
    sizes = [[row["qty_lots"] for row in s.journal.entries.records
              if row["kind"] == Entry.SUBMIT and row["a"] == 1] for s in (first, second)]
    assert sizes[0] != sizes[1]


@pytest.mark.parametrize(("keys", "words"), [
    ({"algorithm": "vwap"}, 'class "all"'),
    ({"algorithm": "vwap", "volume_curve": [["all", [0.0]]]}, "not be 0 everywhere"),
    ({"algorithm": "sniper"}, "algorithm"),
    ({"horizon_s": 5.0, "finish_s": 5.0}, "finish_s must be below horizon_s"),
    ({"horizon_s": 5.0, "slice_s": 6.0, "finish_s": 1.0}, "slice_s must not be above horizon_s"),
    ({"algorithm": "almgren_chriss", "permanent_impact": 1.0}, "temporary_impact must be above"),
    ({"urgency": 1.5}, "execution.urgency"),
])
def test_config_when_impossible_then_one_sentence(keys, words):
    with pytest.raises(ConfigError, match=words) as raised:
        short_config(1.0, execution=keys)
    assert "\n" not in str(raised.value)

"""Local times that run backwards: what came later in the log is not known earlier."""

from datetime import date

import numpy as np

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind
from dreammaker.features.bars import BarRule, BarStream
from dreammaker.features.config import FeatureConfig
from dreammaker.research.dataset import label_day
from dreammaker.research.label_rule import LabelRule
from dreammaker.research.rows import DecisionRows, decision_rows
from dreammaker.research.sampling import Sampler
from tests.unit.research_logs import random_log

LOG = random_log("quotes", 20_000, 8)


def test_bars_when_an_earlier_print_was_heard_later_then_known_by_then() -> None:
    prints = np.zeros(12, EVENT_DTYPE)
    prints["kind"], prints["flags"], prints["qty_lots"] = Kind.TRADE, Flag.LAST, 1
    prints["exch_ns"] = np.arange(12) * 1_000
    prints["local_ns"] = prints["exch_ns"] + 500
    prints["local_ns"][2] += 100_000
    stream = BarStream(BarRule.ticks(4), Instrument.win())
    bars = np.concatenate([stream.process(prints[:5]), stream.process(prints[5:])])
    assert bars["known_ns"].tolist() == [102_500, 102_500, 102_500]
    assert bool((bars["known_ns"] >= np.maximum.accumulate(prints["local_ns"])[
        bars["known_index"]]).all())


def test_rows_when_local_time_runs_backwards_then_decisions_stay_in_order() -> None:
    assert bool((np.diff(LOG.events["local_ns"]) < 0).any())
    sampler = Sampler.parse("volume:1")
    whole = DecisionRows.joined(list(decision_rows(LOG, sampler)))
    assert bool((np.diff(whole.decided_ns) >= 0).all())
    heard = np.maximum.accumulate(np.maximum(LOG.events["local_ns"], LOG.events["exch_ns"]))
    assert bool((whole.decided_ns <= heard[whole.event_index]).all())
    cut = DecisionRows.joined(list(decision_rows(LOG, sampler, batch_events=97)))
    assert cut.decided_ns.tolist() == whole.decided_ns.tolist()
    data = label_day(LOG, sampler, LabelRule(horizon_s=5.0, target_points=20.0), FeatureConfig())
    assert len(data) > 100 and data.day[0] == np.datetime64(date(2023, 11, 14))

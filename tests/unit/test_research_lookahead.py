"""Planted leaks are named; honest pipelines, the house's own among them, pass."""

import numpy as np
import pandas as pd
import pytest

from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.features import FeatureConfig, compute_features
from dreammaker.features.bars import tick_bars, time_bars
from dreammaker.models.labels import triple_barrier
from dreammaker.research import LabelRule, Sampler
from dreammaker.research.house import (
    check_house,
    check_splits,
    load_pipeline,
    shortened,
    stages,
)
from dreammaker.research.lookahead import LookaheadReport, detect
from dreammaker.validation import PurgedKFold
from tests.unit.research_logs import random_log, simulated_log

LOG = random_log(count=6_000)
CUTS = 6


def base(log) -> pd.DataFrame:
    return compute_features(log)[["mid_price", "spread_abs"]]


def check(pipeline, **options) -> LookaheadReport:
    return detect(pipeline, LOG, rng=np.random.default_rng(3), **{"cuts": CUTS, **options})


def with_column(make):
    def pipeline(log):
        frame = base(log)
        frame["planted"] = make(frame)
        return frame

    return pipeline


HONEST = {
    "lag": lambda f: f.mid_price.shift(1),
    "rolling mean": lambda f: f.mid_price.rolling(21).mean(),
    "expanding": lambda f: (f.mid_price - f.mid_price.expanding().mean()) / 5.0,
    "ewm": lambda f: f.mid_price.ewm(span=50).mean(),
    "forward fill": lambda f: f.mid_price.where(f.mid_price.diff() != 0).ffill(),
}
LEAKS = {
    "shift(-1)": lambda f: f.mid_price.shift(-1),
    "centred rolling mean": lambda f: f.mid_price.rolling(21, center=True).mean(),
    "full-sample normalisation": lambda f: (f.mid_price - f.mid_price.mean()) / f.mid_price.std(),
    "fill from the future": lambda f: f.mid_price.where(f.mid_price.diff() != 0).bfill(),
    "rank over the day": lambda f: f.mid_price.rank(pct=True),
    "interpolation": lambda f: f.mid_price.where(f.mid_price.diff() != 0).interpolate(),
    "reversed sum": lambda f: f.spread_abs[::-1].cumsum()[::-1],
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_column_when_checked_then_passes(name: str) -> None:
    report = check(with_column(HONEST[name]))
    assert report.passed and report.comparisons == 2 * CUTS, report.describe()


@pytest.mark.parametrize("name", LEAKS)
def test_leak_when_planted_then_its_column_alone_is_named(name: str) -> None:
    report = check(with_column(LEAKS[name]))
    assert [leak.column for leak in report.leaks] == ["planted"], report.describe()
    leak = report.leaks[0]
    index = base(LOG).index.as_unit("ns").asi8
    assert index[0] <= leak.first_ns <= index[-1]
    assert leak.value != leak.other and leak.column in report.describe()


def test_label_when_joined_as_a_feature_then_named_and_its_reach_known() -> None:
    def pipeline(log):
        frame = base(log)
        labels = triple_barrier(log, frame.index.as_unit("ns").asi8, horizon=30.0, profit=500.0,
                                loss=500.0)
        frame["label"] = np.nan
        frame.iloc[labels.position, -1] = labels.ret
        return frame

    report = check(pipeline)
    assert [leak.column for leak in report.leaks] == ["label"]
    # Bets of 30 s, opened 40 ms after the row.
    assert 0.0 < report.leaks[0].reach_s <= 30.04


def stamped(column: str):
    def pipeline(log):
        bars = tick_bars(log, 50).reset_index()
        bars["early"] = bars["end"].shift(1)
        frame = bars.dropna(subset=["early"]).set_index(column)
        return frame[["open", "close", "volume"]]

    return pipeline


def test_bars_when_stamped_by_their_start_or_a_bar_early_then_every_column_is_named() -> None:
    for column in ("start", "early"):
        report = check(stamped(column))
        assert {leak.column for leak in report.leaks} == {"open", "close", "volume"}
        assert {"no row"} <= {leak.other for leak in report.leaks}
    assert check(stamped("known"), clock="local").passed


def test_bars_when_one_event_early_then_found() -> None:
    def pipeline(log):
        bars = tick_bars(log, 50)
        times = np.maximum.accumulate(log.events["exch_ns"])
        index = pd.to_datetime(times[bars["event_index"].to_numpy() - 1], utc=True)
        return bars.set_index(index)[["close"]]

    strict = pd.DatetimeIndex(pipeline(LOG).index)
    ends = tick_bars(LOG, 50)["end"]
    assert (strict.asi8 < ends.astype("datetime64[ns, UTC]").astype(np.int64).to_numpy()).any()
    assert [leak.column for leak in check(pipeline, cuts=40).leaks] == ["close"]


def test_future_when_only_its_presence_matters_then_perturbation_still_tells() -> None:
    # Cut short, this pipeline hides its leak: it looks ahead only while there are many rows.
    def sly(log):
        frame = base(log)
        full = len(log.events) == len(LOG.events)
        frame["planted"] = frame.mid_price.shift(-1 if full else 0)
        frame.loc[frame.index[-1], "planted"] = np.nan
        return frame if full else frame.assign(planted=base(LOG).mid_price.shift(-1).to_numpy()[
            :len(frame)])

    report = check(sly)
    assert [leak.column for leak in report.leaks] == ["planted"]
    assert report.leaks[0].how == "perturbation"


def test_house_when_checked_then_every_stage_passes_to_the_bit() -> None:
    for log in (simulated_log(), random_log(count=8_000, odd=True),
                random_log("quotes", 6_000, odd=True)):
        reports = check_house(log, rng=np.random.default_rng(1), cuts=3)
        names = [report.name for report in reports]
        assert len(names) == 10 and names[0] == "features" and names[7] == "PurgedKFold"
        assert [r.describe() for r in reports if not r.passed] == []
        assert all(report.comparisons > 0 or "no row" in report.notes[0] for report in reports)
    assert all(report.comparisons > 0 for report in check_house(
        simulated_log(), rng=np.random.default_rng(2), cuts=1))


@pytest.mark.parametrize(("stage", "early_ns", "leaks"), [
    ("labels by touch", 1, {"ret", "label", "barrier", "start", "event", "side", "target"}),
    ("labels by time", 2_000_000_000, {"ret", "label", "event"}),
    ("decision rows", 2_000_000_000, {"ofi_5", "event_index", "mid_price"}),
    ("tick bars, 100", 1, {"close", "volume", "event_index"}),
    ("features", 1_000_000, {"mid_price", "rsi_14", "hawkes_buy_intensity"})])
def test_house_when_a_stage_is_stamped_too_early_then_found(
        stage: str, early_ns: int, leaks: set[str]) -> None:
    log = simulated_log()
    found = {item.name: item for item in stages(Sampler(), LabelRule(horizon_s=20.0),
                                                FeatureConfig())}[stage]

    def early(log):
        frame = found.pipeline(log)
        return frame.set_index(frame.index - pd.Timedelta(early_ns, "ns"))

    def honest(pipeline):
        return detect(pipeline, log, rng=np.random.default_rng(2), cuts=6, clock=found.clock,
                      name=stage, tolerance=0.0, timers=found.timers)

    assert leaks <= {leak.column for leak in honest(early).leaks}
    assert honest(found.pipeline).passed


def test_splits_when_not_purged_then_each_is_named() -> None:
    from sklearn.model_selection import KFold

    starts = np.arange(60, dtype=np.int64) * 10
    ends = starts + 35
    X = np.zeros((60, 1))
    report = check_splits(KFold(3), X, starts, ends)
    assert [leak.column for leak in report.leaks] == ["split 1", "split 2", "split 3"]
    # The first fold tests rows 0 to 19, whose labels reach into the training rows 20 to 22.
    assert report.leaks[0].first_ns == 200 and "3 rows" in report.leaks[0].other
    purged = PurgedKFold(3, label_start_times=starts, label_end_times=ends)
    assert check_splits(purged, X, starts, ends).passed


def test_grid_when_rows_come_from_the_clock_then_timers_say_so() -> None:
    def grid(log):
        frame = base(log)[["mid_price"]]
        frame = frame[~frame.index.duplicated(keep="last")]
        last = pd.Timestamp(int(log.events["exch_ns"].max()), tz="UTC").floor("1s")
        first = frame.index[0].ceil("1s")
        return frame.reindex(pd.date_range(first, last, freq="1s"), method="ffill")

    strict = check(grid, cuts=20)
    assert not strict.passed and {leak.other for leak in strict.leaks} == {"no row"}
    assert check(grid, cuts=20, timers=True).passed


def test_report_when_written_then_fit_for_json() -> None:
    found = check(with_column(LEAKS["shift(-1)"])).to_dict()
    assert found["passed"] is False and found["leaks"][0]["column"] == "planted"
    assert found["leaks"][0]["first_time"].endswith("Z")


def test_pipeline_when_it_cannot_be_judged_then_one_clear_sentence() -> None:
    counter = iter(range(10_000))
    for pipeline, says in (
            (lambda log: 5, "must return a DataFrame, returned int"),
            (lambda log: base(log).reset_index(drop=True), "indexed by time"),
            (lambda log: base(log).iloc[:0], "returned no row"),
            (lambda log: base(log).iloc[:, :0], "at least one"),
            (lambda log: base(log).assign(x=next(counter)), "different rows for the same log")):
        with pytest.raises(InputError, match=says):
            check(pipeline)
    with pytest.raises(ConfigError, match="cuts must be 1 or more"):
        check(base, cuts=0)
    with pytest.raises(ConfigError, match="clock must be one of"):
        check(base, clock="wall")
    with pytest.raises(ConfigError, match="tolerance"):
        check(base, tolerance=1.0)


def test_pipeline_when_it_fails_on_short_logs_then_said() -> None:
    def needy(log):
        if len(log.events) < len(LOG.events):
            raise InputError("too short")
        return base(log)

    report = check(needy)
    assert report.passed and report.comparisons == CUTS
    assert len(report.notes) == CUTS and "too short" in report.describe()


def test_bars_of_time_when_open_then_not_complete() -> None:
    assert not bool(time_bars(LOG, 10.0)["complete"].iloc[-1])


def test_module_when_named_then_loaded_or_refused(tmp_path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def features(log):\n    return log\nvalue = 5\n")
    assert load_pipeline(f"{path}:features")(LOG) is LOG
    assert load_pipeline("dreammaker.features.compute:compute_features") is compute_features
    for text, error, says in ((f"{path}:other", ConfigError, "does not define"),
                              (f"{path}:value", ConfigError, "does not define"),
                              (str(path), ConfigError, "FILE.py:FUNCTION"),
                              ("absent.py:f", ConfigError, "no file"),
                              ("no.such.module:f", InputError, "cannot be imported")):
        with pytest.raises(error, match=says):
            load_pipeline(text)
    path.write_text("import no_such_thing\n")
    with pytest.raises(InputError, match="ModuleNotFoundError"):
        load_pipeline(f"{path}:features")


def test_log_when_shortened_then_its_first_records() -> None:
    assert len(shortened(LOG, 100)) == 100 and shortened(LOG, 10**9) is LOG
    with pytest.raises(ConfigError, match="2 or more"):
        shortened(LOG, 1)

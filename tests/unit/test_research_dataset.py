"""From logs to labelled decision rows: what is chosen, what is cached, what is refused."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest

from dreammaker.domain.errors import ConfigError, InputError, StoreError
from dreammaker.features import FEATURE_NAMES, FeatureConfig, compute_features
from dreammaker.features.bar_rules import BarRule
from dreammaker.models.labels import PricePath, triple_barrier, volatility
from dreammaker.models.view import MODEL_FEATURES, model_view, view_hash
from dreammaker.research import Dataset, LabelRule, Sampler, build_dataset
from dreammaker.research import rows as rows_module
from dreammaker.research.lookback import feature_lookback
from dreammaker.research.rows import DecisionRows, decision_rows
from dreammaker.store.eventlog import EventLog, EventStore
from tests.kernels.feature_streams import INSTRUMENT
from tests.unit.research_logs import SECOND, quote_log, random_log, simulated_log

COLUMNS = ("X", "y", "t_start", "t_end", "weights", "day", "ret", "barrier", "target", "mid",
           "spread_ticks", "event_index")


def assert_equal(one: Dataset, other: Dataset) -> None:
    for name in COLUMNS:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
        assert getattr(one, name).dtype == getattr(other, name).dtype, name
    assert one.described() == other.described()


def test_view_when_a_row_is_seen_then_no_level_is_left() -> None:
    assert len(MODEL_FEATURES) == 26 and "mid_price" not in MODEL_FEATURES
    rows = np.arange(54.0).reshape(2, 27)
    rows[:, :3] = [[130_000.0, 130_002.0, 129_995.0], [100.0, np.nan, 101.0]]
    view = model_view(rows, 5.0)
    assert view[0, :2].tolist() == [0.4, -1.0]
    assert np.isnan(view[1, 0]) and view[1, 1] == 0.2
    assert view[:, 2:].tolist() == rows[:, 3:].tolist()
    moved = rows.copy()
    moved[0, :3] += 5000.0
    assert model_view(moved, 5.0)[0].tolist() == view[0].tolist()
    with pytest.raises(ConfigError, match="27 columns"):
        model_view(rows[:, :5], 5.0)


def test_view_hash_when_a_window_changes_then_another() -> None:
    assert view_hash(FeatureConfig()) != view_hash(FeatureConfig(ofi_window_ms=9_000))


def test_rows_when_sampled_by_time_then_the_first_of_each_second() -> None:
    log = random_log()
    rows = DecisionRows.joined(list(decision_rows(log, Sampler())))
    whole = compute_features(log)
    ends = np.flatnonzero(log.events["flags"] & 1)
    local = log.events["local_ns"][ends]
    first = [0] + [k for k in range(1, len(ends)) if local[k] // SECOND > local[k - 1] // SECOND]
    assert rows.event_index.tolist() == ends[first].tolist()
    np.testing.assert_array_equal(
        rows.values, model_view(whole.to_numpy()[first], INSTRUMENT.tick_size))
    np.testing.assert_array_equal(rows.mid, whole["mid_price"].to_numpy()[first])
    assert (rows.decided_ns == np.maximum(rows.exch_ns, local[first])).all()
    assert (rows.decided_ns >= rows.exch_ns).all()


@pytest.mark.parametrize("text", ["time:1", "tick:40", "volume:100", "dollar:1e6", "cusum:5",
                                  "tick_imbalance:50", "volume_run:50"])
@pytest.mark.parametrize("batch", [1, 37, 1_000])
def test_rows_when_cut_into_batches_then_the_same(text: str, batch: int) -> None:
    log = random_log(count=3_000, odd=True)
    whole = DecisionRows.joined(list(decision_rows(log, Sampler.parse(text))))
    parts = DecisionRows.joined(list(decision_rows(log, Sampler.parse(text), batch_events=batch)))
    assert len(whole) > 2
    for name in DecisionRows.__slots__:
        assert getattr(whole, name).tobytes() == getattr(parts, name).tobytes()


def test_cusum_sampler_when_the_mid_moves_then_by_hand() -> None:
    # Mids in half ticks; a threshold of 10 points is 4 of them, checked every second.
    log = quote_log([100, 102, 104, 103, 101, 99, 101, 105, 105, 109])
    rows = DecisionRows.joined(list(decision_rows(log, Sampler(kind="cusum", points=10.0))))
    # up: 2 4! | down: -1 -3 -5! | up: 2 6! 0 4!
    assert ((rows.exch_ns - log.events["exch_ns"][0]) // SECOND).tolist() == [2, 5, 7, 9]


def test_labels_when_built_then_those_of_the_rule() -> None:
    log, rule = random_log(), LabelRule(horizon_s=20.0, profit=1.0, loss=0.5)
    data = build_dataset([log], rule=rule)
    rows = DecisionRows.joined(list(decision_rows(log, Sampler())))
    path = PricePath.of_log(log)
    target = volatility(path, rows.decided_ns, horizon=20.0, span=300.0)
    labels = triple_barrier(path, rows.decided_ns, horizon=20.0, profit=1.0, loss=0.5,
                            target=target, latency=0.04)
    assert len(data) == len(labels) > 300 and set(np.unique(data.y)) <= {-1, 0, 1}
    np.testing.assert_array_equal(data.t_end, labels.end)
    np.testing.assert_array_equal(data.t_start, rows.decided_ns[labels.position])
    np.testing.assert_array_equal(data.X, rows.values[labels.position])
    assert (data.t_end > data.t_start).all() and (data.weights > 0).all()
    assert sum(data.dropped.values()) == len(rows) - len(data)
    assert data.frame().index.equals(data.label_end_times().index)
    assert str(data.frame().index.dtype) == "datetime64[ns, UTC]"


@pytest.mark.parametrize("rule", [LabelRule(kind="trend", horizon_s=10.0),
                                  LabelRule(weight="returns"), LabelRule(weight="none"),
                                  LabelRule(target_points=40.0, at_break="drop")])
def test_rule_when_stored_then_read_back_the_same(rule: LabelRule) -> None:
    assert LabelRule.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule
    data = build_dataset([simulated_log()], rule=rule)
    assert len(data) > 50 and np.isfinite(data.weights).all() and (data.weights >= 0).all()


def test_sampler_when_stored_then_read_back_the_same() -> None:
    for sampler in (Sampler(), Sampler.parse("cusum:5"), Sampler.parse("volume_imbalance:300")):
        assert Sampler.from_dict(json.loads(json.dumps(sampler.to_dict()))) == sampler


def test_dataset_when_saved_then_read_back_the_same(tmp_path) -> None:
    data = build_dataset([random_log(count=6_000), random_log(count=6_000, day_shift=1)])
    assert list(data.log_hashes) == ["2023-11-14", "2023-11-15"]
    assert np.unique(data.day).size == 2 and (np.diff(data.t_start) >= 0).all()
    data.save(tmp_path / "d.parquet")
    assert_equal(Dataset.load(tmp_path / "d.parquet"), data)
    assert pq.read_schema(tmp_path / "d.parquet").names[:4] == ["t_start", "t_end", "day", "label"]
    assert [path.name for path in tmp_path.iterdir()] == ["d.parquet"]
    half = data.take(np.arange(len(data)) % 2 == 0)
    assert len(half) == (len(data) + 1) // 2 and half.content_hash == data.content_hash


def test_archive_when_labelled_twice_then_from_the_cache(tmp_path, monkeypatch) -> None:
    store = EventStore(tmp_path)
    for shift in (0, 1):
        store.save(random_log(count=5_000, day_shift=shift))
    first = build_dataset(tmp_path, "WIN")
    calls: list[str] = []
    write = rows_module._write
    monkeypatch.setattr(rows_module, "_write",
                        lambda log, *rest: (calls.append(log.day.isoformat()), write(log, *rest)))
    assert_equal(build_dataset(tmp_path, "WIN"), first)
    assert_equal(build_dataset(tmp_path, "WIN", cache=False), first)
    # Another label rule takes the rows that are there; other features or rows do not.
    assert len(build_dataset(tmp_path, "WIN", rule=LabelRule(horizon_s=5.0))) > 0
    assert calls == []
    build_dataset(tmp_path, "WIN", ["2023-11-15"], sampler=Sampler(seconds=2.0))
    build_dataset(tmp_path, "WIN", ["2023-11-14"], features=FeatureConfig(roll_trades=50))
    assert calls == ["2023-11-15", "2023-11-14"]
    # A damaged cache is made anew, and the day's own change is noticed.
    for path in (tmp_path / ".cache").glob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-40])
    calls.clear()
    assert_equal(build_dataset(tmp_path, "WIN"), first)
    assert calls == ["2023-11-14", "2023-11-15"]
    store.save(replace(random_log(count=5_000, seed=9), day=random_log().day))
    assert build_dataset(tmp_path, "WIN").content_hash != first.content_hash


def test_content_hash_when_anything_changes_then_another() -> None:
    log = random_log(count=5_000)
    built = [build_dataset([log]), build_dataset([log], rule=LabelRule(horizon_s=30.0)),
             build_dataset([log], sampler=Sampler(seconds=2.0)),
             build_dataset([log], features=FeatureConfig(roll_trades=50)),
             build_dataset([random_log(count=5_000, seed=3)])]
    assert len({data.content_hash for data in built}) == len(built)
    assert len({data.feature_hash for data in built}) == 2


def test_lookback_when_counted_then_it_covers_every_window() -> None:
    # MACD: 60 bars until the slow mean forgets, 21 until the signal does; bars of 10 s.
    assert feature_lookback(FeatureConfig()).total_seconds() == 820.0
    assert feature_lookback(FeatureConfig(volatility_cells=3000)).total_seconds() == 3001.0
    data = build_dataset([random_log(count=5_000)])
    assert data.embargo() == feature_lookback(FeatureConfig())
    long = data.take(np.repeat(np.arange(len(data)), 1000))
    assert long.embargo(0.5).total_seconds() >= 820.0


@pytest.mark.parametrize(("text", "says"), [
    ("time", "a sampler must be time:SECONDS"), ("ticks:5", "a sampler must be"),
    ("time:0", "seconds must be in"), ("tick:2.5", "whole number"), ("cusum:0", "above 0"),
    ("cusum:nan", "above 0"), ("volume:-1", "above 0"), ("tick_bar:5", "a sampler must be")])
def test_sampler_when_wrong_then_one_clear_sentence(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Sampler.parse(text)


@pytest.mark.parametrize(("wrong", "says"), [
    ({"kind": "other"}, "kind must be one of"), ({"horizon_s": 0.0}, "horizon_s must be above 0"),
    ({"horizon_s": float("nan")}, "horizon_s"), ({"profit": -1.0}, "profit must be at least 0"),
    ({"latency_ms": -1.0}, "latency_ms"), ({"weight": "x"}, "weight must be one of"),
    ({"target_points": 0.0}, "target_points must be above 0"),
    ({"kind": "trend", "horizon_s": 2.0}, "3 or more")])
def test_rule_when_wrong_then_one_clear_sentence(wrong: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        LabelRule(**wrong)


def test_sampler_when_kind_and_rule_do_not_fit_then_refused() -> None:
    with pytest.raises(ConfigError, match="bar rule if, and only if"):
        Sampler(rule=BarRule.ticks(5))
    with pytest.raises(ConfigError, match="one of kind time"):
        Sampler(kind="bars", rule=BarRule.time(5.0))


def test_archive_when_wrong_then_one_clear_sentence(tmp_path) -> None:
    with pytest.raises(StoreError, match="holds no day of WIN"):
        build_dataset(tmp_path, "WIN")
    EventStore(tmp_path).save(random_log(count=5_000))
    for days, error, says in ((["2023-11-15"], StoreError, "has no WIN on 2023-11-15"),
                              (["yesterday"], ConfigError, "YYYY-MM-DD"),
                              (["2023-11-14"] * 2, ConfigError, "ascend"),
                              ([], ConfigError, "one day or more")):
        with pytest.raises(error, match=says):
            build_dataset(tmp_path, "WIN", days)
    with pytest.raises(ConfigError, match="needs a symbol"):
        build_dataset(tmp_path)
    with pytest.raises(ConfigError, match="days must ascend"):
        build_dataset([random_log(count=5_000, day_shift=1), random_log(count=5_000)])
    with pytest.raises(InputError, match="no decision of WIN has a label"):
        build_dataset([random_log(count=200)])
    broken = random_log(count=5_000).events.copy()
    broken["kind"][2_500] = 77
    with pytest.raises(InputError, match="record 2500 of WIN on 2023-11-14 is damaged"):
        build_dataset([EventLog.of(broken, INSTRUMENT, random_log().source, day=random_log().day)])


def test_file_when_it_is_no_dataset_then_one_clear_sentence(tmp_path) -> None:
    path = tmp_path / "d.parquet"
    with pytest.raises(StoreError, match="there is no data set"):
        Dataset.load(path)
    path.write_bytes(b"PAR1 but not really")
    with pytest.raises(StoreError, match="cannot be read"):
        Dataset.load(path)
    pq.write_table(pq.read_table(_written(tmp_path)).replace_schema_metadata({}), path)
    with pytest.raises(StoreError, match="is no data set"):
        Dataset.load(path)
    table = pq.read_table(_written(tmp_path))
    for change, says in (({"version": 99}, "version 99"), ({"content_hash": "x"}, "other features"),
                         ({"rule": {"kind": "x"}}, "no sound data set")):
        about = {**json.loads(table.schema.metadata[b"dreammaker.dataset"]), **change}
        pq.write_table(table.replace_schema_metadata({"dreammaker.dataset": json.dumps(about)}),
                       path)
        with pytest.raises(StoreError, match=says):
            Dataset.load(path)


def _written(folder):
    build_dataset([random_log(count=5_000)]).save(folder / "good.parquet")
    return folder / "good.parquet"


def test_split_when_made_of_a_dataset_then_no_training_label_reaches_a_test_label() -> None:
    from dreammaker.validation import PurgedKFold

    data = build_dataset([random_log()])
    cv = PurgedKFold(4, embargo=data.embargo(), label_end_times=data.label_end_times())
    for train, test in cv.split(data.frame()):
        begin, end = data.t_start[test].min(), data.t_end[test].max()
        assert not ((data.t_start[train] <= end) & (data.t_end[train] >= begin)).any()
    assert all(a < b for a, b in pairwise(np.unique(data.day)))
    assert set(FEATURE_NAMES) - {"mid_price"} == {n.removesuffix("_offset") for n in MODEL_FEATURES}

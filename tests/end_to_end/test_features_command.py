"""``dreammaker features`` and its Python face over a small archive."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dreammaker.domain.errors import InputError
from dreammaker.features import FEATURE_NAMES, FeatureConfig, compute_features, definition_hash
from dreammaker.features.stream import FeatureSummary, feature_batches, write_features
from dreammaker.store.eventlog import EventLog, EventStore
from tests.kernels.feature_markets import Market
from tests.kernels.feature_streams import INSTRUMENT, SOURCES, random_market

DAY = date(2023, 11, 14)


@pytest.fixture(scope="module")
def log():
    return EventLog.of(random_market("depth", 4_000, 8, odd=False), INSTRUMENT, SOURCES["depth"],
                       day=DAY)


def test_compute_features_gives_a_row_a_packet(log):
    table = compute_features(log)
    assert tuple(table.columns) == FEATURE_NAMES
    assert len(table) == int((log.events["flags"] & 1).sum())
    assert str(table.index.dtype) == "datetime64[ns, UTC]" and table.index.is_monotonic_increasing
    first = int(np.flatnonzero(log.events["flags"] & 1)[0])
    assert table.index[0].value == log.events["exch_ns"][:first + 1].max()


def test_batches_join_to_the_same_bits(log):
    whole = compute_features(log).to_numpy()
    parts = [rows.values[:rows.count].copy() for _, rows in feature_batches(log, None, 333)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_written_file_holds_the_rows_and_their_definition(log, tmp_path):
    steps = []
    summary = write_features(log, tmp_path / "f.parquet", progress=lambda *step: steps.append(step))
    written, expected = pq.read_table(tmp_path / "f.parquet"), compute_features(log)
    np.testing.assert_array_equal(
        np.column_stack([written[name].to_numpy() for name in FEATURE_NAMES]), expected.to_numpy())
    assert written["exch_time"].to_pandas().tolist() == expected.index.tolist()
    assert (log.events["flags"][written["event_index"].to_numpy()] & 1).all()
    metadata = written.schema.metadata
    assert metadata[b"dreammaker.feature_definition"].decode() == definition_hash(FeatureConfig())
    assert metadata[b"dreammaker.log_hash"].decode() == log.content_hash
    assert summary.row_count == len(expected) and steps[-1][1] == 4_000
    assert [path.name for path in tmp_path.iterdir()] == ["f.parquet"]


def test_summary_equals_numpy(log):
    values = compute_features(log).to_numpy()
    summary = FeatureSummary()
    for part in np.array_split(values, 7):
        summary.update(part)
    for i, row in enumerate(summary.table()):
        column = values[:, i]
        assert row["nan_share"] == pytest.approx(np.isnan(column).mean())
        if row["mean"] is not None:
            figures = (np.nanmean(column), np.nanstd(column), np.nanmin(column), np.nanmax(column))
            assert [row[k] for k in ("mean", "std", "min", "max")] == pytest.approx(
                figures, rel=1e-9, abs=1e-12)


def test_a_damaged_record_is_named_and_leaves_no_file(log, tmp_path):
    events = log.events.copy()
    events["kind"][2_500] = 77
    broken = EventLog.of(events, INSTRUMENT, SOURCES["depth"], day=DAY)
    with pytest.raises(InputError, match=r"record 2500 of WIN on 2023-11-14 is damaged: a kind"):
        write_features(broken, tmp_path / "f.parquet")
    with pytest.raises(InputError, match="record 2500"):
        compute_features(broken)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_log_has_an_empty_table(tmp_path):
    empty = EventLog.of(Market().mid(0, 3).events()[:0], INSTRUMENT, SOURCES["depth"], day=DAY)
    assert compute_features(empty).shape == (0, 27)
    assert write_features(empty, tmp_path / "f.parquet").table()[0]["nan_share"] is None


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_prints_and_writes(log, tmp_path, as_json):
    import typer

    from dreammaker.app.commands import features

    EventStore(tmp_path).save(log)
    app = typer.Typer()
    app.callback()(lambda: None)
    features.register(app)
    out = tmp_path / "f.parquet"
    done = CliRunner().invoke(app, ["features", "WIN", "2023-11-14", "--root", str(tmp_path),
                                    "--out", str(out), *(["--json"] if as_json else [])],
                              catch_exceptions=False)
    assert done.exit_code == 0 and out.is_file()
    if as_json:
        answer = json.loads(done.stdout)
        assert answer["definition"] == definition_hash(FeatureConfig())
        assert [row["name"] for row in answer["features"]] == list(FEATURE_NAMES)
        assert answer["rows"] == pq.read_metadata(out).num_rows
    else:
        assert "mid_price" in done.stdout and f"Written to {out}" in done.stdout.replace("\n", "")


@pytest.mark.parametrize(("out", "says"), [
    (".", "--out must name a file"),
    ("missing/f.parquet", "--out must lie in a folder that exists"),
    ("taken/f.parquet", "--out must lie in a folder that exists"),
])
def test_the_command_when_out_cannot_be_then_one_sentence_and_nothing_made(
        log, tmp_path, monkeypatch, out, says):
    from dreammaker.app.commands import features
    from dreammaker.domain.errors import ConfigError

    EventStore(tmp_path / "data").save(log)
    (tmp_path / "taken").write_text("a file")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=says):
        features.features("WIN", "2023-11-14", out=Path(out), root=tmp_path / "data")
    assert sorted(tmp_path.rglob("*")) == before

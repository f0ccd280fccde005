"""From an archive to a gate verdict by commands, with right and wrong input."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from dreammaker.app.cli import build
from dreammaker.backtest import Backtest
from dreammaker.backtest.bundle_retrainer import bundle_changes
from dreammaker.domain.errors import DreamMakerError, StoreError, VerificationError
from dreammaker.engine.decisions import Prediction
from dreammaker.engine.market import MarketView
from dreammaker.models.bundle import ModelBundle
from dreammaker.models.bundle_predictor import BundlePredictor
from dreammaker.models.meta import meta_inputs
from dreammaker.research.dataset import build_dataset
from dreammaker.research.decider import fit_decider
from dreammaker.research.rows import DecisionRows, decision_rows
from dreammaker.research.samples import samples_of
from dreammaker.research.train import identity_of
from dreammaker.research.validate import Recipe
from dreammaker.store.eventlog import EventStore
from tests.unit.research_logs import quote_log

DAYS = 3
QUICK = ["--horizon", "20", "--least-points", "10", "--trees", "4", "--least-leaf", "20",
         "--groups", "3", "--test-groups", "2", "--target", "10", "--json"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of quotes: prices that lean back to a level, so that there is something to see."""
    folder = tmp_path_factory.mktemp("archive")
    rng = np.random.default_rng(4)
    for day in range(DAYS):
        mids, at = [], 0.0
        for step in rng.normal(0.0, 6.0, 1500):
            at = 0.9 * at + step
            mids.append(52_001 + 2 * round(at))
        EventStore(folder / "data").save(quote_log(mids, 4.0, 1_700_060_400 + day * 86_400))
    return folder


def call(*words: Any) -> dict[str, Any]:
    """A command's JSON."""
    done = CliRunner().invoke(build(), list(map(str, words)))
    if done.exception is not None:
        raise done.exception
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def places(archive: Path) -> list[str]:
    return ["--root", str(archive / "data"), "--results", str(archive / "results")]


@pytest.fixture(scope="module")
def trained(archive: Path) -> dict[str, Any]:
    return call("train", "WIN", "--out", archive / "one", *places(archive), *QUICK)


def test_train_when_done_twice_then_the_same_bytes_and_one_trial(
        archive: Path, trained: dict[str, Any]) -> None:
    again = call("train", "WIN", "--out", archive / "two", *places(archive), *QUICK)
    other = call("train", "WIN", "--out", archive / "other", "--seed", "2", *places(archive),
                 *QUICK)
    assert trained["content"] == again["content"] != other["content"]
    assert trained["sessions"] == DAYS and len(trained["net_points_by_path"]) == 2
    bundle = ModelBundle.load(archive / "one")
    assert bundle.training["seed"] == 1 and bundle.library_versions["lightgbm"]
    assert bundle.rules.min_hold_s == 20.0 and bundle.verdict is None
    lines = (archive / "results" / "trials.jsonl").read_text().splitlines()
    assert len(lines) == 2


def test_validate_when_gated_then_refused_until_every_limit_is_met(
        archive: Path, trained: dict[str, Any], tmp_path: Path) -> None:
    call("train", "WIN", "--out", tmp_path / "other", "--seed", "3", *places(archive), *QUICK)
    found = call("validate", archive / "one", *places(archive), "--manual-trials", "5", "--note",
                 "a notebook", "--json")
    assert not found["tradable"] and found["sessions"] == DAYS and found["trials"] >= 7
    assert found["net_points_by_path"] == trained["net_points_by_path"]
    page = Path(found["report"]).read_text(encoding="utf-8")
    for title in ("Net profit by path", "Overfitting", "Calibration", "Confusion", "Costs"):
        assert title in page
    assert "plotly" in page and 'src="http' not in page
    with pytest.raises(VerificationError, match="sessions: 3, must be at least 60"):
        call("validate", archive / "one", *places(archive), "--gate", "--no-report", "--json")
    limits = tmp_path / "lax.toml"
    limits.write_text("[gate]\nmax_pbo = 1.0\nmin_dsr = 0.0\nmin_sessions = 1\n"
                      "min_paper_sessions = 0\n")
    # Three sessions give no bootstrap bound, so that even lax limits do not let it pass.
    with pytest.raises(VerificationError, match="needs five sessions"):
        call("validate", archive / "one", *places(archive), "--gate", "--no-report", "--json",
             "--config", limits)
    assert ModelBundle.load(archive / "one").verdict is None


@pytest.mark.parametrize(("words", "text"), [
    (["train", "WIN", "--out", "NEW", "--model", "svm"], "must be one of lightgbm"),
    (["train", "WIN", "--out", "NEW", "--sample", "cusum:0"], "points must be above 0"),
    (["train", "WIN", "--out", "NEW", "--threshold", "2"], "threshold must be in"),
    (["train", "WIN", "--out", "NEW", "--jobs", "0"], "--jobs must be 1 or more"),
    (["train", "WIN", "--out", "NEW", "--slippage-ticks", "-1"], "--slippage-ticks"),
    (["train", "WDO", "--out", "NEW"], "no day of WDO"),
    (["train", "WIN", "--out", "OLD"], "does not exist yet"),
    (["validate", "NEW"], "there is no bundle"),
    (["tune", "WIN", "--horizons", "x"], "--horizons must be numbers"),
    (["tune", "WIN", "--trials", "0"], "trials must be 1 or more")])
def test_command_when_input_is_wrong_then_one_sentence(
        words: list[str], text: str, archive: Path, tmp_path: Path) -> None:
    named = {"NEW": str(tmp_path / "new"), "OLD": str(archive)}
    with pytest.raises(DreamMakerError, match=text) as caught:
        call(*[named.get(word, word) for word in words], *places(archive))
    assert caught.value.exit_code in (2, 3)


@pytest.mark.parametrize("kind", ["lightgbm", "stack"])
def test_bundle_when_loaded_then_it_decides_as_the_fit_did(kind: str, archive: Path) -> None:
    out = archive / f"as_fitted_{kind}"
    call("train", "WIN", "--out", out, "--model", kind, *places(archive), *QUICK)
    bundle = ModelBundle.load(out)
    recipe = Recipe.of(bundle)
    store = EventStore(archive / "data")
    days = store.days("WIN")
    data = build_dataset(archive / "data", "WIN", days, rule=recipe.rule)
    samples = samples_of(data, (store.open("WIN", day) for day in days), recipe.cost_points)
    assert identity_of(data, samples, recipe.spec, recipe.cv)["data"] == bundle.training["data"]
    decider = fit_decider(samples, recipe.spec, recipe.cv.embargo_share)
    rise, side, right = decider.decide(samples.X)
    assert decider.meta is not None and bundle.meta is not None
    assert bundle.combination.kind == ("stack" if kind == "stack" else "soft")
    assert len(bundle.members) == (2 if kind == "stack" else 1)
    both = bundle.combination.combine_rows(
        [member.trees.predict_proba(samples.X) for member in bundle.members])
    assert np.array_equal(both[:, 1], rise)
    score = both[:, 1] - both[:, 0]
    second = bundle.meta.member.trees.predict_proba(meta_inputs(samples.X, score))[:, 1]
    pays = bundle.meta.calibration.apply_rows(second)
    assert np.array_equal(np.where(side == 0, 0.0, pays), right)
    assert len(np.unique(right)) > 3


def test_loop_when_a_trained_bundle_decides_then_rows_scores_and_bets_are_researchs(
        archive: Path) -> None:
    """Through the order path on a day of training: the bits that the bench judged."""
    out = archive / "in_the_loop"
    call("train", "WIN", "--out", out, *places(archive), *QUICK)
    bundle = ModelBundle.load(out)
    assert bundle.meta is not None
    seen: list[tuple[Any, ...]] = []

    class Recorder:
        name = "recorder"

        def __init__(self) -> None:
            self.inner = BundlePredictor(bundle)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def predict(self, market: MarketView) -> Prediction:
            made = self.inner.predict(market)
            seen.append((market.row_time_ns, market.features.copy(), made.score,
                         self.inner.meta_probability))
            return made

    store = EventStore(archive / "data")
    day = store.days("WIN")[1]
    # Of a file with local times of its own, or without a drawn latency of the data, as here.
    changes = bundle_changes(bundle, out) | {"data.root": str(archive / "data"),
                                             "exchange.profile": "ideal"}
    Backtest(changes=changes, symbol="WIN", days=[str(day)],
             predictor=lambda _config, _source: Recorder()).run()
    rows = DecisionRows.joined(list(decision_rows(
        store.open("WIN", day), Recipe.of(bundle).sampler, bundle.features)))
    assert [row[0] for row in seen] == rows.decided_ns.tolist() and len(rows) > 1000
    loop = bundle.view.matrix(np.array([row[1] for row in seen]))
    np.testing.assert_array_equal(loop, rows.values)
    both = bundle.combination.combine_rows(
        [member.trees.predict_proba(rows.values) for member in bundle.members])
    score = both[:, 1] - both[:, 0]
    known = np.array([not np.isnan(row[2]) for row in seen])
    assert known.mean() > 0.9
    np.testing.assert_array_equal(np.array([row[2] for row in seen])[known], score[known])
    pays = bundle.meta.calibration.apply_rows(bundle.meta.member.trees.predict_proba(
        meta_inputs(rows.values, score))[:, 1])
    sided = known & (score != 0.0)
    np.testing.assert_array_equal(np.array([row[3] for row in seen])[sided], pays[sided])


def test_train_when_an_ensemble_then_diversity_and_label_hash_are_told(archive: Path) -> None:
    for kind in ("ensemble", "stack"):
        found = call("train", "WIN", "--out", archive / kind, "--model", kind, "--no-meta",
                     *places(archive), *QUICK)
        assert set(found["diversity"]["accuracy"]) == {"lightgbm", "forest"}
        assert 0.0 <= found["diversity"]["pairs"][0]["disagreement"] < 1.0
        bundle = ModelBundle.load(archive / kind)
        assert bundle.validation["diversity"] == found["diversity"]
        bundle.require(features=bundle.features, label=found["label_hash"])
        told = call("inspect", archive / kind, "--json")
        assert told["label_hash"] == found["label_hash"] and told["content"] == found["content"]
        assert told["combination"] == ("soft" if kind == "ensemble" else "stack")
        assert told["tradable"] is None and list(told["models"]) == ["lightgbm", "forest"]
    table = CliRunner().invoke(build(), ["inspect", str(archive / kind)]).output
    assert told["label_hash"] in table
    shown = CliRunner().invoke(build(), [
        "train", "WIN", "--out", str(archive / "shown"), "--model", "ensemble", "--no-meta",
        *places(archive), *QUICK[:-1]]).output
    assert "members are right" in shown and found["label_hash"] in shown and "disagree" in shown


def test_validate_when_a_byte_of_the_bundle_changed_then_refused(
        archive: Path, trained: dict[str, Any]) -> None:
    copy = archive / "copy"
    ModelBundle.load(archive / "one").save(copy)
    path = copy / "manifest.json"
    path.write_text(path.read_text().replace('"horizon_s":20.0', '"horizon_s":6.0')
                    .replace('"horizon_s": 20.0', '"horizon_s": 6.0'))
    with pytest.raises(StoreError, match="was changed"):
        call("validate", copy, *places(archive))


def test_tune_when_run_then_its_winner_is_judged_beside_all(archive: Path) -> None:
    found = call("tune", "WIN", "--root", archive / "data", "--results", archive / "tuned",
                 "--least-points", "10", "--target", "10", "--horizons", "20,40", "--no-meta",
                 "--trials", "3", "--groups", "3", "--test-groups", "1", "--json")
    assert len(found["scores"]) == found["trials"] == 3 and found["score"] == max(found["scores"])
    assert 0.0 <= found["pbo"] <= 1.0

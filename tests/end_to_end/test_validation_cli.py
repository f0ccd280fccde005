"""Validation to its report by commands, on short days of the generated market."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from dreammaker.app.cli import build
from dreammaker.assembly.config import load_config
from dreammaker.backtest import Backtest
from dreammaker.backtest.bundle_retrainer import BundleRetrainer, clear_of_the_end, of_days
from dreammaker.backtest.days import plan_days
from dreammaker.backtest.identity import with_changes
from dreammaker.backtest.model_walk_forward import model_walk_forward
from dreammaker.domain.errors import DreamMakerError, InputError, StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.models.bundle import ModelBundle
from dreammaker.research.dataset import build_dataset
from dreammaker.research.noise import noise_samples
from dreammaker.research.samples import samples_of
from dreammaker.research.validate import Recipe
from dreammaker.research.validation_store import ValidationStore, load_validation
from dreammaker.simulation import SimulatedMarket, SimulationConfig
from dreammaker.store.eventlog import EventLog, EventStore

DAYS = [date(2026, 3, day) for day in (2, 3, 4, 5)]
MINUTES = 6.0
SETTINGS = """
[features]
bar_ms = 1000
volatility_cells = 20
impact_cells = 20
[risk]
entry_start_minutes_after_open = 0.2
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of four days, a configuration with short windows, and a trained bundle."""
    folder = tmp_path_factory.mktemp("validation")
    (folder / "win.toml").write_text(SETTINGS)
    for number, day in enumerate(DAYS):
        market = SimulatedMarket(SimulationConfig(session_minutes=MINUTES),
                                 Instrument.win("WINJ26"), day, 40 + number)
        parts = []
        while len(events := market.next_events(4096)):
            parts.append(events.copy())
        EventStore(folder / "data").save(EventLog.of(
            np.concatenate(parts), Instrument.win("WINJ26"), market.source, day=day))
    call("train", "WINJ26", "--out", folder / "bundle", *places(folder), "--root",
         folder / "data", "--horizon", "10", "--target", "10", "--least-points", "10", "--no-meta",
         "--trees", "5", "--least-leaf", "20", "--groups", "4", "--test-groups", "2", "--json")
    return folder


def call(*words: Any) -> dict[str, Any]:
    """A command's JSON."""
    done = CliRunner().invoke(build(), list(map(str, words)))
    if done.exception is not None:
        raise done.exception
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def places(folder: Path) -> list[Any]:
    return ["--config", folder / "win.toml", "--results", folder / "results"]


def validate(place: Path, *words: Any) -> dict[str, Any]:
    return call("validate", place / "bundle", *places(place), "--root", place / "data", "--json",
                *words)


@pytest.fixture(scope="module")
def found(place: Path) -> dict[str, Any]:
    return validate(place, "--walk-forward", 2, "--anchored", "--importance-rows", 300)


def test_validate_when_walked_forward_then_money_of_both_ways(found: dict[str, Any]) -> None:
    folds, ways = found["walk_forward"]["folds"], found["performance"]
    assert [fold["train_days"][-1] for fold in folds] == ["2026-03-03", "2026-03-04"]
    assert [fold["test_days"] for fold in folds] == [["2026-03-04"], ["2026-03-05"]]
    assert all(fold["rows"] > 300 and fold["left_out"] > 10 for fold in folds)
    assert found["walk_forward"]["counts"]["fills"] > 10 and found["walk_forward"]["label_bets"] > 5
    costs = found["costs"]["order_path"]
    assert costs["net"] == pytest.approx(ways["walk_forward_orders"]["total"]["value"])
    assert costs["paper"] - sum(value for name, value in costs.items()
                                if name not in ("paper", "net")) == pytest.approx(costs["net"])
    label = found["costs"]["label_returns"]
    assert label["net"] == pytest.approx(found["net"])
    assert label["paper"] - label["spread"] - label["fees"] - label["slippage"] == pytest.approx(
        label["net"])
    assert label["fees"] == pytest.approx(2 * 0.2561 * label["bets"])


def test_validate_when_measured_then_importance_and_regimes_cover_the_rows(
        found: dict[str, Any]) -> None:
    worth = found["importance"]["features"]
    assert worth["rows"] == 300 < worth["of_rows"]
    names = [item["features"][0] for item in worth["features"]]
    assert sorted(names) == sorted(
        name for item in worth["clusters"] for name in item["features"])
    assert sum(share for _, share in found["importance"]["split_shares"]) == pytest.approx(1.0)
    said = {title: sum(part["rows"] for part in table)
            for title, table in found["confusion"].items()}
    assert said["volatility"] == said["hour"] <= found["rows"]
    assert sum(part["net"] for part in found["confusion"]["hour"]) == pytest.approx(found["net"])
    assert {part["regime"] for part in found["confusion"]["hour"]} == {"09:00"}


def test_report_when_written_again_then_the_same_page_and_figures(
        place: Path, found: dict[str, Any], tmp_path: Path) -> None:
    first = Path(found["report"]).read_bytes()
    told = call("report", place / "bundle", *places(place), "--json", "--out", tmp_path / "a.html")
    assert (tmp_path / "a.html").read_bytes() == first
    same = {name: value for name, value in found.items()
            if name not in ("bundle", "stored", "gate", "report")}
    assert {name: told[name] for name in same} == same
    other = call("report", found["stored"], *places(place), "--json")
    assert other["report"] is None and other["net"] == found["net"]
    page = first.decode()
    for text in ("It may not be traded", "Walk-forward through the order path", "other paths",
                 "95 % intervals", "Overfitting", "Calibration", "Confusion by volatility",
                 "Confusion by hour", "Costs: from gross to net", "sessions: 4, must be at least"):
        assert text in page
    assert 'src="http' not in page and page.count('class="plotly-graph-div"') >= 8


def test_report_when_a_session_or_a_run_is_meant_then_its_page(place: Path, tmp_path: Path) -> None:
    run = call("backtest", "run", *places(place), "--root", place / "data", "--symbol", "WINJ26",
               "--days", "2026-03-02", "--name", "one", "--sessions", tmp_path, "--json")
    by_name = call("report", "one", *places(place), "--json", "--out", tmp_path / "run.html")
    assert by_name["key"] == run["key"] and "Backtest of WINJ26" in (
        tmp_path / "run.html").read_text(encoding="utf-8")
    assert call("report", run["folder"], "--json")["key"] == run["key"]
    session = next(path for path in tmp_path.iterdir() if path.is_dir())
    told = call("report", session, "--json", "--out", tmp_path / "session.html")
    assert told["net_micros"] == run["summary"]["net_micros"]
    assert "2026-03-02" in (tmp_path / "session.html").read_text(encoding="utf-8")


def test_fold_when_run_by_hand_then_the_same_net(place: Path, found: dict[str, Any],
                                                 tmp_path: Path) -> None:
    bundle = ModelBundle.load(place / "bundle")
    config = with_changes(load_config(place / "win.toml"), {
        "data.root": str(place / "data"), "run.mode": "replay", "backtest.symbol": "WINJ26"})
    plans = plan_days(config)
    fit = BundleRetrainer(bundle, tmp_path).fit(plans[:2], config)
    assert Path(fit.changes["model.bundle"]).name == found["walk_forward"]["folds"][0]["bundle"]
    result = Backtest(fit.apply(config), days="2026-03-04").run()
    stored = load_validation(Path(found["stored"])).arrays
    assert stored["walk_order_net"][0] == result.summary["net_micros"] / 1e6
    assert stored["walk_order_curve"][-1] == pytest.approx(stored["walk_order_net"].sum())
    assert stored["walk_label_curve"][-1] == pytest.approx(stored["walk_label_net"].sum())


def test_fit_when_the_future_is_changed_then_the_same_bundle(place: Path) -> None:
    bundle = ModelBundle.load(place / "bundle")
    recipe, store = Recipe.of(bundle), EventStore(place / "data")
    data = build_dataset(place / "data", "WINJ26", rule=recipe.rule, sampler=recipe.sampler,
                         features=bundle.features)
    samples = samples_of(data, (store.open("WINJ26", day) for day in DAYS), recipe.cost_points)
    plans = plan_days(with_changes(load_config(place / "win.toml"), {
        "data.root": str(place / "data"), "run.mode": "replay", "backtest.symbol": "WINJ26"}))

    def fitted(last_day: date) -> bytes:
        changed = samples.take(slice(None))
        later = changed.day >= np.datetime64(last_day)
        changed.y[later] = -changed.y[later]
        return BundleRetrainer(bundle, place, of_days(data, changed)).fitted(
            plans[:2]).bundle.members[0].data()

    assert fitted(DAYS[2]) == fitted(DAYS[3]) != fitted(DAYS[1])


def test_fold_when_nothing_can_be_learnt_then_its_days_count_as_not_traded(place: Path) -> None:
    bundle = ModelBundle.load(place / "bundle")
    recipe, store = Recipe.of(bundle), EventStore(place / "data")
    data = build_dataset(place / "data", "WINJ26", rule=recipe.rule, sampler=recipe.sampler,
                         features=bundle.features)
    samples = samples_of(data, (store.open("WINJ26", day) for day in DAYS), recipe.cost_points)
    samples.y[samples.day <= np.datetime64(DAYS[1])] = 1
    config = with_changes(load_config(place / "win.toml"), {"data.root": str(place / "data")})
    told: list[tuple[int, int]] = []
    walk = model_walk_forward(bundle, data, samples, config, folds=2,
                              progress=lambda done, total: told.append((done, total)))
    first, second = walk.folds
    assert "nothing to learn" in first.refused and not first.bundle
    assert second.train_days == ("2026-03-03", "2026-03-04") and not second.refused
    assert walk.order_net[0] == walk.label_net[0] == 0.0 != walk.order_net[1]
    assert told[0] == (0, 2) and told[-1] == (2, 2) and told == sorted(told)
    samples.y[:] = 1
    with pytest.raises(InputError, match="no fold of the walk-forward has a model: all labels"):
        model_walk_forward(bundle, data, samples, config, folds=1)


def test_rows_when_the_days_end_then_those_that_reach_there_are_left_out() -> None:
    samples = noise_samples(1, rows=120, days=2)
    known = clear_of_the_end(samples, 0.05)
    # Six rows of embargo, and whatever label or bet is not over by the last decision.
    assert np.array_equal(known, np.arange(len(known)))
    assert 100 <= len(known) <= 114
    assert (samples.t_end[known] <= samples.t_start[-1]).all()


def test_walk_forward_when_a_bundle_is_refitted_daily_then_each_day_has_its_own(
        place: Path) -> None:
    told = call("backtest", "walk-forward", *places(place), "--root", place / "data", "--bundle",
                place / "bundle", "--days", "3", "--least-days", "2", "--no-report", "--json")
    assert [fit["day"] for fit in told["fits"]] == ["2026-03-04"]
    assert Path(told["fits"][0]["changes"]["model.bundle"]).parent == place / "results" / "fitted"
    with pytest.raises(DreamMakerError, match="trained on WINJ26, --symbol says WDO"):
        call("backtest", "walk-forward", *places(place), "--bundle", place / "bundle", "--symbol",
             "WDO")


@pytest.mark.parametrize(("words", "text"), [
    (["--walk-forward", "0"], "--walk-forward must be 1 or more, was 0"),
    (["--walk-forward", "4"], "of 4 folds needs 5 days or more.* there are 4"),
    (["--walk-forward", "1", "--days", "2026-03-02"], "needs two days or more.*there is 1"),
    (["--anchored"], "give both"),
    (["--importance-rows", "5"], "--importance-rows must be 60 or more, or 0"),
    (["--days", "2026-04-01"], "has no WINJ26 on 2026-04-01"),
    (["--root", "NOWHERE"], "holds no day of WINJ26"),
    (["--results", "FILE"], "no validation can be written to")])
def test_validate_when_input_is_wrong_then_one_sentence(
        words: list[str], text: str, place: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    named = {"NOWHERE": str(tmp_path / "no"), "FILE": str(tmp_path / "file")}
    with pytest.raises(DreamMakerError, match=text) as caught:
        validate(place, *[named.get(word, word) for word in words])
    assert caught.value.exit_code in (2, 3)


@pytest.mark.parametrize(("target", "text"), [
    ("EMPTY", "folder of no bundle, session, validation or backtest run"),
    ("nothing", "no stored run is called 'nothing'"),
    ("BUNDLE", "no validation of the bundle")])
def test_report_when_there_is_nothing_then_one_sentence(target: str, text: str, place: Path,
                                                        tmp_path: Path) -> None:
    named = {"EMPTY": str(tmp_path), "BUNDLE": str(place / "bundle")}
    with pytest.raises(StoreError, match=text):
        call("report", named.get(target, target), "--results", tmp_path / "none")


def test_report_when_the_stored_validation_is_damaged_then_one_sentence(
        place: Path, found: dict[str, Any], tmp_path: Path) -> None:
    store = ValidationStore(tmp_path)
    content = ModelBundle.load(place / "bundle").content
    folder = store.save(content, load_validation(Path(found["stored"])))
    (folder / "arrays.npz").write_bytes(b"gone")
    with pytest.raises(StoreError, match="is damaged: it is not as it was written"):
        call("report", place / "bundle", "--results", tmp_path)

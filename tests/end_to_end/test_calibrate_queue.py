"""``dreammaker backtest calibrate-queue`` from an archive to the table."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from dreammaker.app.cli import main
from dreammaker.data import read_dbn, read_lobster
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.source import SourceProfile
from dreammaker.store.eventlog import EventLog, EventStore
from tests.kernels.naive_queue_probe import planted_market

LABELS = ("risk_averse", "power", "power_2", "power_3", "log", "log_2")


@pytest.fixture
def run(archive: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The command in this process: its output, or its error where a code is expected."""
    monkeypatch.chdir(archive)

    def command(*arguments: object, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["dreammaker", "backtest", "calibrate-queue",
                                          *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert (ended.value.code or 0) == code, err
        return out if code == 0 else err

    return command


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of an order-by-order market, and one of a source without single orders."""
    folder = tmp_path_factory.mktemp("calibrate")
    store = EventStore(folder / "data")
    orders = SourceProfile("planted", 10, has_aggressor=True, order_by_order=True)
    for day in (1, 2):
        events = planted_market(day, packets=3000, style="dbn")
        events["exch_ns"] += day * 86_400 * 10**9
        store.save(EventLog.of(events, Instrument.win("PLANTED"), orders, day=date(1970, 1, day)))
    store.save(EventLog.of(planted_market(3), Instrument.win("TICKS"),
                           SourceProfile("mt5_ticks", 0, has_aggressor=True),
                           day=date(1970, 1, 2)))
    return folder


def test_table_of_two_days(archive: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "dreammaker", "backtest", "calibrate-queue",
                           "PLANTED", "--orders", "500", "--horizons", "2,20"], cwd=archive,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert "Filled within 2 s" in text and "Filled within 20 s" in text
    assert all(f"\n  {label}" in text for label in LABELS)
    assert "1970-01-01 to 1970-01-02" in text and "Least Brier score" in text


def test_json_is_the_same_twice_and_says_what_was_asked(run: Callable[..., str]) -> None:
    arguments = ("PLANTED", "--day", "1970-01-01", "--orders", 600, "--horizons", "2,20",
                 "--seed", 5, "--lots", 2, "--json")
    first, second = (run(*arguments) for _ in range(2))
    assert first == second
    [result] = json.loads(first)
    assert (result["seed"], result["lots"], result["days"]) == (5, 2, ["1970-01-01"])
    assert 500 < result["orders"] <= 600 and result["corrected"] == 0
    assert [model["model"]["name"] for model in result["models"]] == [*LABELS, "risk_averse"]
    assert result["models"][-1]["label"] == "(no queue)"
    assert {fit["model"] for fit in result["fits"]} == {"power", "power_2", "power_3"}
    careful = result["models"][0]
    for answer in careful["horizons"]:
        # What the risk-averse model fills, the market filled by then.
        assert answer["false_share"]["value"] == 0.0
        assert 0.0 < answer["true_share"]["value"] < 1.0
    assert careful["time_bias_s"]["value"] >= 0.0
    others = [model["horizons"][1]["missed_share"]["value"] for model in result["models"][1:-1]]
    assert min(others) < careful["horizons"][1]["missed_share"]["value"]
    ignored = result["models"][-1]
    assert ignored["loss_second"] > 3 * careful["loss_second"]
    assert ignored["horizons"][0]["false_share"]["value"] > 0.05


def test_polled_levels_lose_fills(run: Callable[..., str]) -> None:
    results = [json.loads(run("PLANTED", "--orders", 600, "--horizons", "5", "--json", *more))[0]
               for more in ((), ("--poll-ms", 2000), ("--poll-ms", 2000, "--rlp"))]
    careful = [result["models"][0]["horizons"][0] for result in results]
    missed = [answer["missed_share"]["value"] for answer in careful]
    assert missed[0] < missed[1] < missed[2]
    assert len({answer["true_share"]["value"] for answer in careful}) == 1


@pytest.mark.parametrize(("arguments", "code", "says"), [
    ((), 2, "name the symbols"),
    (("PLANTED", "--session", "x"), 2, "name the symbols"),
    (("ABSENT",), 3, "data holds no days of ABSENT; it holds PLANTED, TICKS"),
    (("PLANTED", "--root", "nowhere"), 3, "nowhere holds no days of PLANTED; it holds no symbols"),
    (("PLANTED", "--day", "1970-01-09"), 3, "1970-01-09"),
    (("PLANTED", "--day", "yesterday"), 2, "yesterday"),
    (("TICKS",), 2, "mt5_ticks, which does not show single orders"),
    (("PLANTED", "--orders", "1"), 2, "--orders must be in 2.."),
    (("PLANTED", "--lots", "0"), 2, "--lots must be in 1.."),
    (("PLANTED", "--seed", "-1"), 2, "--seed must be in 0.."),
    (("PLANTED", "--poll-ms", "-5"), 2, "--poll-ms must be in 0.."),
    (("PLANTED", "--horizons", "10,1"), 2, "--horizons must be ascending"),
    (("PLANTED", "--horizons", "soon"), 2, "--horizons must be ascending"),
    (("--session", "absent"), 3, "session.json is missing"),
])
def test_bad_input_is_one_clear_error(run: Callable[..., str], arguments: tuple, code: int,
                                      says: str) -> None:
    text = run(*arguments, code=code)
    assert says in text and len(text.strip().splitlines()) == 1


@pytest.fixture(scope="module")
def real_days(market_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = EventStore(tmp_path_factory.mktemp("real"))
    store.save(read_lobster(market_data / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"))
    es = replace(Instrument.named("ESH4"), symbol="ESH4", tick_size=0.25)
    store.save(read_dbn(market_data / "esh4-glbx-mdp3-20231225.mbo.dbn.zst", es))
    return store.root


@pytest.mark.market_data
@pytest.mark.parametrize("symbol", ["ESH4", "GOOG"])
def test_real_day_then_the_figures_are_those_of_the_page(run: Callable[..., str], symbol: str,
                                                         real_days: Path) -> None:
    [result] = json.loads(run(symbol, "--root", real_days, "--json"))
    # More orders ahead than the level shows would be a truth that contradicts the book.
    assert result["corrected"] == 0 and (result["out_of_turn"] > 0) == (symbol == "ESH4")
    page = (Path(__file__).parents[2] / "docs" / "fills.md").read_text(encoding="utf-8")
    headings = {"ESH4": "ES, 2023-12-25", "GOOG": "GOOG, 2012-06-21"}
    table = page[page.index(headings[symbol]):].split("\n\n")[1]
    first = result["models"][0]["horizons"]
    for answer in first:
        true = answer["true_share"]
        assert f"true {100 * true['value']:.2f} ± {100 * true['error']:.2f}" in table
        # In turn or not: what risk-averse fills, the market filled.
        assert answer["false_share"]["value"] == 0.0
    for model in result["models"]:
        label = model["label"]
        label = f"**{label}**" if label == result["best"] else label
        [row] = [line for line in table.splitlines() if line.startswith(f"| {label} |")]
        cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
        one, ten, sixty = model["horizons"]
        assert [cells[i] for i in (0, 1, 3)] == [
            f"{100 * answer['predicted_share']['value']:.2f}" for answer in (one, ten, sixty)]
        for cell, answer in ((cells[2], ten), (cells[4], sixty)):
            assert cell.startswith(f"{100 * answer['false_share']['value']:.2f} / "
                                   f"{100 * answer['missed_share']['value']:.2f}")
        assert cells[5] == f"{ten['log_loss']['value']:.3f} ± {ten['log_loss']['error']:.3f}"
        assert cells[6] == (f"{model['time_mae_s']['value']:.3f} ± "
                            f"{model['time_mae_s']['error']:.3f}")
    assert result["best"] == "risk_averse"

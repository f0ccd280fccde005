"""``dreammaker backtest calibrate-queue`` from an archive to the table."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from dreammaker.app.cli import main
from dreammaker.data import read_lobster
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.source import SourceProfile
from dreammaker.exchange.queue_calibration import score
from dreammaker.exchange.queue_probes import End, QueueModel, place_probes, run_probes
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
    assert [model["model"]["name"] for model in result["models"]] == list(LABELS)
    assert {fit["model"] for fit in result["fits"]} == {"power", "power_2", "power_3"}
    careful = result["models"][0]
    for answer in careful["horizons"]:
        # What the risk-averse model fills, the market filled by then.
        assert answer["false_share"]["value"] == 0.0
        assert 0.0 < answer["true_share"]["value"] < 1.0
    assert careful["time_bias_s"]["value"] >= 0.0
    others = [model["horizons"][1]["missed_share"]["value"] for model in result["models"][1:]]
    assert min(others) < careful["horizons"][1]["missed_share"]["value"]


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


@pytest.mark.market_data
def test_goog_then_the_truth_never_contradicts_the_book(market_data: Path) -> None:
    log = read_lobster(market_data / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip")
    probes = place_probes(log, 5000, 60.0, np.random.default_rng(1))
    models = [QueueModel("risk_averse"), QueueModel("power", 2.0)]
    found = run_probes(log, probes, models)
    assert len(found) > 4900
    assert found.corrected == 0 and found.out_of_turn == 0
    careful = score(found, models, [1.0, 10.0, 60.0], np.random.default_rng(1))[0]
    for answer in careful.horizons:
        assert answer.false_share.value == 0.0
        assert answer.missed_share.value < 0.005
    assert set(found.end.tolist()) <= {End.DEADLINE, End.MOVED_AWAY, End.FILLED}

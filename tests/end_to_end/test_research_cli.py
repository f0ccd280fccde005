"""``dreammaker label``, ``lookahead`` and ``study`` on a small archive, with wrong input too."""

import json
import os

import numpy as np
import pytest
from typer.testing import CliRunner

from dreammaker.app.cli import build
from dreammaker.domain.errors import DreamMakerError, VerificationError
from dreammaker.research import Dataset
from dreammaker.store.eventlog import EventStore
from tests.unit.research_logs import random_log

LEAKY = '''
from dreammaker.features import compute_features


def honest(log):
    return compute_features(log)[["mid_price"]]


def leaky(log):
    frame = honest(log)
    frame["next_mid"] = frame["mid_price"].shift(-1)
    return frame
'''


@pytest.fixture(scope="module")
def program():
    return build()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    root = tmp_path_factory.mktemp("archive")
    for shift in (0, 1):
        EventStore(root).save(random_log("quotes", 20_000, 8 + shift, day_shift=shift))
    return root


def run(program, *arguments, error: type[DreamMakerError] | None = None):
    done = CliRunner().invoke(program, [str(argument) for argument in arguments])
    if error is None:
        assert done.exit_code == 0, (done.output, done.exception)
        return done.stdout
    assert isinstance(done.exception, error), (done.output, done.exception)
    return str(done.exception) + "\n" + done.stdout


def test_label_when_run_then_a_data_set_is_written(program, archive, tmp_path) -> None:
    out = tmp_path / "labels.parquet"
    told = json.loads(run(program, "label", "WIN", "--root", archive, "--out", out,
                          "--horizon", 20, "--json"))
    data = Dataset.load(out)
    assert told["rows"] == len(data) > 500 and told["days"] == 2
    assert sum(told["labels"].values()) == told["rows"] == sum(told["barriers"].values())
    assert told["content_hash"] == data.content_hash and told["rule"]["horizon_s"] == 20.0
    assert told["nan_share"]["ofi_5"] == 1.0 and told["embargo_seconds"] == 820.0
    text = run(program, "label", "WIN", "--root", archive, "--out", out, "--days", "2023-11-15",
               "--sample", "cusum:10", "--weight", "returns")
    assert "on 1 days" in text and "features without any value: micro_price_offset" in text
    assert Dataset.load(out).sampler.kind == "cusum"
    assert np.unique(Dataset.load(out).day).astype(str).tolist() == ["2023-11-15"]
    assert list((archive / ".cache").glob("labels-*.parquet"))


def test_lookahead_when_run_then_the_house_passes_and_a_leak_is_named(
        program, archive, tmp_path) -> None:
    told = json.loads(run(program, "lookahead", "WIN", "--root", archive, "--records", 6000,
                          "--cuts", 2, "--json"))
    assert told["passed"] is True and told["records"] == 6000
    assert [report["name"] for report in told["reports"]][:2] == ["features", "time bars, 10 s"]
    module = tmp_path / "mine.py"
    module.write_text(LEAKY)
    common = ("lookahead", "WIN", "--root", archive, "--records", 6000, "--module")
    assert "no look-ahead in 1 columns" in run(program, *common, f"{module}:honest")
    text = run(program, *common, f"{module}:leaky", error=VerificationError)
    assert text.startswith("1 columns know their future: next_mid")
    assert "column next_mid at 2023-11-14T" in text and VerificationError.exit_code == 4
    text = run(program, *common, f"{module}:leaky", "--json", error=VerificationError)
    told = json.loads(text.split("\n", 1)[1])
    assert [leak["column"] for leak in told["reports"][0]["leaks"]] == ["next_mid"]


def test_study_when_run_then_a_ranking_and_a_page(program, archive, tmp_path) -> None:
    page = tmp_path / "study.html"
    common = ("study", "WIN", "--root", archive, "--rows", 300, "--trees", 10, "--horizon", 10,
              "--folds", 2, "--config", _quick(tmp_path))
    told = json.loads(run(program, *common, "--html", page, "--json"))
    assert told["days"] == 2 and told["used_rows"] == 300 and "ofi_5" in told["left_out"]
    names = told["features"]
    assert {item["features"][0] for item in told["accuracy"]} == set(names)
    assert sorted(name for group in told["clusters"] for name in group) == sorted(names)
    assert len(told["information"]) == 5 * len(names)
    assert sum(item["value"] for item in told["impurity"]) == pytest.approx(1.0)
    text = page.read_text(encoding="utf-8")
    assert text.count("Plotly.newPlot") == 5 + (told["differencing"] is not None)
    assert 'src="http' not in text and "Feature study: WIN" in text
    # The same seed gives the same study, to the last digit.
    assert json.loads(run(program, *common, "--json")) == {**told, "html": None}
    assert "MDA, 1e-3 nats" in run(program, *common)


def _quick(folder):
    """Short windows, so that the embargo leaves something to train on."""
    path = folder / "quick.toml"
    path.write_text("[features]\nbar_ms = 1000\nvolatility_cells = 30\nimpact_cells = 30\n")
    return path


@pytest.mark.parametrize(("arguments", "says"), [
    (("label", "WIN", "--out", "{tmp}"), "--out must name a file"),
    (("label", "WIN", "--out", "{tmp}/no/x.parquet"), "folder that exists"),
    (("label", "NONE", "--out", "{tmp}/x.parquet"), "holds no day of NONE (symbols there: WIN)"),
    (("label", "WIN", "--out", "{tmp}/x.parquet", "--days", "soon"), "days must be a number"),
    (("label", "WIN", "--out", "{tmp}/x.parquet", "--days", "3"), "the archive holds 2 of WIN"),
    (("label", "WIN", "--out", "{tmp}/x.parquet", "--days", "2024-01-01"), "has no WIN on"),
    (("label", "WIN", "--out", "{tmp}/x.parquet", "--days", "2024-01-01..2024-02-01"),
     "has no day of WIN in"),
    (("label", "WIN", "--out", "{tmp}/x.parquet", "--sample", "often"), "a sampler must be"),
    (("label", "WIN", "--out", "{tmp}/x.parquet", "--horizon", "-1"), "horizon_s must be above 0"),
    (("label", "WIN", "--out", "{tmp}/x.parquet", "--kind", "x"), "kind must be one of"),
    (("label", "WIN", "--out", "{tmp}/x.parquet", "--config", "{tmp}/no.toml"), "no.toml"),
    (("lookahead", "WIN", "--cuts", "0"), "--cuts must be 1 or more"),
    (("lookahead", "WIN", "--records", "1"), "--records must be 2 or more"),
    (("lookahead", "WIN", "--clock", "wall"), "--clock must be one of exchange, local, known"),
    (("lookahead", "WIN", "--module", "x.py"), "FILE.py:FUNCTION"),
    (("lookahead", "WIN", "--module", "absent.py:f"), "which is no file"),
    (("lookahead", "WIN", "--seed", "-1"), "--seed must be 0 or more"),
    (("study", "WIN", "--folds", "1"), "folds must be 2 or more"),
    (("study", "WIN", "--folds", "9999"), "folds must not exceed the rows of the importances"),
    pytest.param(("label", "WIN", "--out", os.devnull), "--out must name a file",
                 marks=pytest.mark.skipif(os.name == "nt", reason="NUL is no path there")),
    pytest.param(("features", "WIN", "2023-11-14", "--out", os.devnull), "is a device or a pipe",
                 marks=pytest.mark.skipif(os.name == "nt", reason="NUL is no path there")),
    (("study", "WIN", "--horizons", "5,x"), "--horizons must be seconds"),
    (("study", "WIN", "--horizons", "5,1"), "ascending"),
    (("study", "WIN", "--html", "{tmp}"), "--html must name a file"),
    (("study", "WIN", "--sample", "dollar:1e15"), "has no decision row")])
def test_command_when_wrong_then_one_clear_sentence(
        program, archive, tmp_path, arguments: tuple[str, ...], says: str) -> None:
    given = [argument.replace("{tmp}", str(tmp_path)) for argument in arguments]
    text = run(program, *given, "--root", archive, error=DreamMakerError)
    assert says in text
    assert not (tmp_path / "x.parquet").exists()


@pytest.mark.market_data
def test_real_day_when_labelled_and_checked_then_rows_known_and_no_look_ahead(
        program, market_data, tmp_path) -> None:
    run(program, "import", market_data / "DOLK20.csv", "--root", tmp_path)
    out = tmp_path / "dol.parquet"
    told = json.loads(run(program, "label", "DOLK20", "--root", tmp_path, "--out", out, "--json"))
    # The day's first decisions have no volatility yet; every other one has a label.
    assert told["rows"] == 14_621 and sum(told["dropped"].values()) == 30
    checked = json.loads(run(program, "lookahead", "DOLK20", "--root", tmp_path, "--cuts", 3,
                             "--json"))
    assert checked["passed"] and checked["records"] == 63_634
    assert all(report["comparisons"] for report in checked["reports"])

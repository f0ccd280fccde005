"""``dreammaker hawkes`` from simulation to diagnosis, on files and on imported days."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


def run(*arguments, folder, code=0):
    done = subprocess.run([sys.executable, "-m", "dreammaker", *map(str, arguments)], cwd=folder,
                          capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def test_simulate_fit_diagnose_one_type(tmp_path):
    run("hawkes", "simulate", "--mu", 0.5, "--alpha", 0.8, "--beta", 1.2, "--seconds", 2000,
        "--seed", 3, "--out", "a.npy", "--method", "exact", folder=tmp_path)
    times = np.load(tmp_path / "a.npy")
    assert 2000 < len(times) < 4500 and (np.diff(times) >= 0).all()
    text = run("hawkes", "fit", "a.npy", "--seconds", 2000, "--out", "a.json", "--html", "a.html",
               folder=tmp_path)
    assert "branching ratio" in text and "too high" in text
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.count("Plotly.newPlot") == 3 and "quantiles of Exp(1)" in page
    assert 'src="http' not in page
    run("hawkes", "simulate", "--parameters", "a.json", "--seconds", 2000, "--seed", 4, "--out",
        "b.csv", folder=tmp_path)
    result = json.loads(run("hawkes", "diagnose", "b.csv", "--parameters", "a.json", "--seconds",
                            2000, "--json", folder=tmp_path))
    # Null: events of the fitted model itself; seed fixed.
    assert result["goodness_of_fit"]["accepted"] is True
    assert result["goodness_of_fit"]["caveat"] is None
    assert result["parameters"]["kernel_name"] == "exponential"


def test_simulate_fit_two_types(tmp_path):
    first = json.loads(run(
        "hawkes", "simulate", "--mu", "0.3,0.2", "--alpha", "0.6,0.2;0.4,0.5", "--beta",
        "1.5,1;0.8,2", "--seconds", 1000, "--out", "m.csv", "--json", folder=tmp_path))
    assert sum(first["events"]) == len((tmp_path / "m.csv").read_text().splitlines()) - 1
    fitted = json.loads(run("hawkes", "fit", "m.csv", "--seconds", 1000, "--no-shared-decay",
                            "--json", folder=tmp_path))
    assert np.shape(fitted["parameters"]["beta"]) == (2, 2)
    assert fitted["types"] == ["0", "1"] and fitted["events"] == first["events"]
    one = json.loads(run("hawkes", "fit", "m.csv", "--seconds", 1000, "--one", 1, "--kernel",
                         "power_law", "--json", folder=tmp_path))
    assert one["parameters"]["kernel_name"] == "power_law" and len(one["events"]) == 1


@pytest.mark.parametrize(("arguments", "says"), [
    (("fit", "absent.npy"), "there is no such file"),
    (("fit", "a.txt"), "must end with .npy or .csv"),
    (("fit", "bad.csv"), "bad.csv, line 3: not a number"),
    (("fit", "unsorted.csv"), "must not decrease"),
    (("fit", "empty.csv"), "T must be"),
    (("fit", "good.csv", "--one", "7"), "--one must be one of"),
    (("fit", "good.csv", "--kernel", "square"), "kernel must be one of"),
    (("fit", "good.csv", "--method", "guess"), "method"),
    (("fit", "WIN", "2026-01-01"), "has no WIN on 2026-01-01"),
    (("diagnose", "good.csv", "--parameters", "good.csv"), "not JSON"),
    (("simulate", "--seconds", "10", "--out", "x.npy"), "give --mu, --alpha and --beta"),
    (("simulate", "--mu", "1", "--alpha", "2", "--beta", "1", "--seconds", "10", "--out",
      "x.npy"), "below 1"),
    (("simulate", "--mu", "x", "--alpha", "2", "--beta", "1", "--seconds", "10", "--out",
      "x.npy"), "--mu must be numbers"),
])
def test_commands_when_misused_then_one_sentence(arguments, says, tmp_path):
    (tmp_path / "bad.csv").write_text("seconds\n1.0\nnext\n")
    (tmp_path / "unsorted.csv").write_text("2.0\n1.0\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "good.csv").write_text("1.0\n2.0\n3.5\n4.0\n7.0\n")
    error = run("hawkes", *arguments, folder=tmp_path, code=2 if "WIN" not in arguments else 3)
    assert error.startswith("error: ") and says in error and error.count("\n") == 1


def test_imported_day_from_file_to_page(market_data: Path, tmp_path):
    run("import", market_data / "DOLK20.csv", "--root", "data", folder=tmp_path)
    result = json.loads(run("hawkes", "fit", "DOLK20", "2020-04-02", "--root", "data", "--html",
                            "flow.html", "--out", "fit.json", "--json", folder=tmp_path))
    assert result["types"] == ["buy", "sell"] and result["events"] == [7279, 6964]
    assert "merged into one event each" in result["notes"][0]
    assert 0.1 < result["parameters"]["branching_ratio"] < 1.0
    from dreammaker.features.hawkes_fit import feature_config_from
    from dreammaker.hawkes import load_parameters

    config = feature_config_from(load_parameters(tmp_path / "fit.json"))
    assert config.hawkes_mu == tuple(result["parameters"]["mu"])
    assert config.hawkes_beta[0][1] == result["parameters"]["beta"]

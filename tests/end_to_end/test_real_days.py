"""Two real days, from the file to the report, by the commands a user types."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.market_data

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
GOOG = (EXAMPLES / "goog.toml").read_text(encoding="utf-8")
DOLK20 = (EXAMPLES / "dolk20.toml").read_text(encoding="utf-8")
DAYS = {
    "GOOG": ("LOBSTER_SampleFile_GOOG_2012-06-21_10.zip", GOOG, "2012-06-21", 195_736),
    "DOLK20": ("DOLK20.csv", DOLK20, "2020-04-02", 63_634),
}


def dreammaker(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dreammaker", *arguments], cwd=folder,
                          capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("symbol", DAYS)
def test_day_when_imported_and_run_then_it_trades_and_every_bit_verifies(
    symbol: str, market_data: Path, tmp_path: Path
) -> None:
    file, config, day, record_count = DAYS[symbol]
    (tmp_path / "day.toml").write_text(config, encoding="utf-8")
    imported = dreammaker(tmp_path, "import", str(market_data / file), "--symbol", symbol)
    assert imported.returncode == 0, imported.stderr

    run = dreammaker(tmp_path, "run", "--config", "day.toml", "--json")
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout)
    assert summary["counts"]["events"] == record_count
    assert summary["orders"] > 20
    assert summary["fills"] > 20
    assert summary["position_lots"] == 0
    assert summary["working_orders"] == 0
    assert summary["failures"] == []
    folder = tmp_path / summary["folder"]
    assert folder.name == f"replay-{symbol}-{day}"
    assert "<h1>" in (folder / "report.html").read_text(encoding="utf-8")

    verified = dreammaker(tmp_path, "replay", "--verify", summary["folder"], "--json")
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout) == {
        "clean": True, "problems": [], "journal_hash": summary["journal_hash"]}

    damage(folder / "journal.arrow")
    refused = dreammaker(tmp_path, "replay", "--verify", summary["folder"])
    assert refused.returncode == 4
    assert "journal.arrow is not what was sealed" in refused.stdout
    assert "Traceback" not in refused.stderr


def test_dollar_day_when_backtested_then_the_journal_of_run_and_costs_that_sum(
    market_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "day.toml").write_text(DOLK20, encoding="utf-8")
    imported = dreammaker(tmp_path, "import", str(market_data / "DOLK20.csv"), "--symbol", "DOLK20")
    assert imported.returncode == 0, imported.stderr
    tested = dreammaker(tmp_path, "backtest", "run", "--config", "day.toml", "--json")
    assert tested.returncode == 0, tested.stderr
    found = json.loads(tested.stdout)
    run = json.loads(dreammaker(tmp_path, "run", "--config", "day.toml", "--json",
                                "--no-report").stdout)
    assert found["journal_hashes"] == [run["journal_hash"]]
    summary = found["summary"]
    parts = sum(value for name, value in summary.items() if name.startswith("cost_"))
    assert summary["paper_micros"] - parts == summary["net_micros"]
    assert summary["days_ended_by_risk"] == 0
    # On a day of trends even the baseline's paper result is no loss; its spread is.
    assert summary["cost_spread_micros"] > abs(summary["paper_micros"])


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def test_day_when_its_import_changed_since_then_replay_says_so(
    market_data: Path, tmp_path: Path
) -> None:
    lines = (market_data / "DOLK20.csv").read_text().splitlines(keepends=True)
    (tmp_path / "day.toml").write_text(DOLK20, encoding="utf-8")
    for count in (20_000, 20_001):
        (tmp_path / "DOLK20.csv").write_text("".join(lines[:count]), encoding="utf-8")
        assert dreammaker(tmp_path, "import", "DOLK20.csv", "--symbol", "DOLK20").returncode == 0
        if count == 20_000:
            run = dreammaker(tmp_path, "run", "--config", "day.toml", "--json", "--no-report")
            assert run.returncode == 0, run.stderr
    refused = dreammaker(tmp_path, "replay", "--verify", json.loads(run.stdout)["folder"])
    assert refused.returncode == 3
    assert "its content hash differs" in refused.stderr

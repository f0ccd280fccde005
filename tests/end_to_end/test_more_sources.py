"""Order-by-order files, raw feeds and polls by the commands a user types."""

import contextlib
import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from dreammaker.app.cli import build
from dreammaker.domain.errors import InputError

pytestmark = pytest.mark.market_data

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SOURCES = {
    "ESH4": ("esh4-glbx-mdp3-20231225.mbo.dbn.zst", "dbn", "2023-12-25", 62_423, "esh4.toml", 20),
    "BTCUSDT": ("usdm_btcusdt_20240808.gz", "binance_raw", "2024-08-08", 598_663, "btcusdt.toml",
                2),
    "WDOU25": ("WDOU25_book_L1_20250811.csv", "polled_book", "2025-08-11", 20_003, None, 0),
}


def dreammaker(folder: Path, *arguments: str) -> Result:
    with contextlib.chdir(folder):
        return CliRunner().invoke(build(), arguments, env={"COLUMNS": "200", "TERM": "dumb"})


def told(done: Result):
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


@pytest.mark.parametrize("symbol", SOURCES)
def test_source_when_imported_then_every_command_works_on_it(
        symbol: str, market_data: Path, tmp_path: Path) -> None:
    file, name, day, record_count, config, least_fills = SOURCES[symbol]
    if name == "dbn":
        pytest.importorskip("databento_dbn")
    # Neither name nor ending tells the format.
    shutil.copy(market_data / file, tmp_path / "export.bin")
    imported = told(dreammaker(tmp_path, "import", "export.bin", "--json"))
    assert (imported["format"], imported["symbol"]) == (name, symbol)
    assert imported["days"][0]["day"] == day
    described = told(dreammaker(tmp_path, "inspect", symbol, day, "--json"))
    assert (described["source"], described["records"]) == (name, record_count)
    written = told(dreammaker(tmp_path, "features", symbol, day, "--out", "f.parquet", "--json"))
    assert written["rows"] > 10_000
    shares = {row["name"]: row["nan_share"] for row in written["features"]}
    assert shares["micro_price"] < 0.02
    assert shares["ofi_1"] < 0.06
    if config is None:
        return
    shutil.copy(EXAMPLES / config, tmp_path / "day.toml")
    summary = told(dreammaker(tmp_path, "run", "--config", "day.toml", "--json", "--no-report"))
    assert summary["counts"]["events"] == record_count
    assert summary["fills"] >= least_fills
    assert (summary["position_lots"], summary["failures"]) == (0, [])
    if symbol == "ESH4":
        verify(tmp_path, summary["folder"])


def verify(tmp_path: Path, folder: str) -> None:
    assert told(dreammaker(tmp_path, "replay", "--verify", folder, "--json"))["clean"]


def test_import_when_the_file_is_damaged_then_one_sentence_and_no_archive(
        market_data: Path, tmp_path: Path) -> None:
    content = (market_data / "usdm_btcusdt_20240808.gz").read_bytes()
    (tmp_path / "feed.gz").write_bytes(content[:len(content) // 2])
    done = dreammaker(tmp_path, "import", "feed.gz")
    assert isinstance(done.exception, InputError)
    assert "feed.gz: is damaged or truncated" in str(done.exception)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["feed.gz"]

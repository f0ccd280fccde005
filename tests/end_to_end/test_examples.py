"""The examples run as their first lines say."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "order_flow_regression.py"

pytestmark = pytest.mark.market_data


def run(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), str(path)], cwd=ROOT, capture_output=True,
                          text=True, check=False, timeout=120,
                          env={"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"})


def test_order_flow_regression_when_goog_then_flow_explains_moves(market_data: Path) -> None:
    done = run(market_data / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip")
    assert done.returncode == 0, done.stderr
    assert 0.35 < float(done.stdout.split()[-1]) < 0.45


def test_order_flow_regression_when_no_sizes_then_one_sentence(market_data: Path) -> None:
    done = run(market_data / "DOLK20.csv")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("there is no order-flow imbalance")
    assert "Traceback" not in done.stderr

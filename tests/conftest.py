"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def market_data() -> Path:
    """Folder of the real market data; the test is skipped where it is absent."""
    folder = Path(os.environ.get("DREAMMAKER_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "DOLK20.csv").is_file():
        pytest.skip(f"no real market data at {folder} (set DREAMMAKER_TEST_DATA)")
    return folder

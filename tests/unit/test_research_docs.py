"""The guide's examples run as they are printed."""

import doctest
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "research.md"


def test_guide_when_run_then_prints_what_it_shows() -> None:
    failed, tried = doctest.testfile(str(GUIDE), module_relative=False)
    assert tried > 15 and failed == 0

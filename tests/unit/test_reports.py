"""The session report: its figures are the ledger's, found on another way."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from dreammaker.domain.errors import StoreError
from dreammaker.reports.page import Section, money, page, table
from dreammaker.reports.session import (
    Fills,
    round_trips_micros,
    session_curve,
    session_fills,
    write_session_report,
)
from dreammaker.store.journal import DECISION_DTYPE, JOURNAL_DTYPE
from dreammaker.store.segments import read_segment
from tests.end_to_end.sessions import run_folder, short_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "session"
    run_folder(path, short_config(6.0))
    return path


def test_curve_when_session_is_over_then_the_ledgers_net(folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    fills = session_fills(read_segment(folder / "journal.arrow", JOURNAL_DTYPE))
    decisions = read_segment(folder / "decisions.arrow", DECISION_DTYPE)
    curve = session_curve(decisions, fills, 5.0, 1_000_000)
    assert summary["fills"] == len(fills.side) > 5 and summary["position_lots"] == 0
    assert curve.net_micros[-1] == summary["net_micros"]
    assert curve.fees_micros[-1] == summary["fees_micros"]
    assert np.abs(curve.position_lots).max() >= 1 and curve.position_lots[-1] == 0
    assert round_trips_micros(fills, 1_000_000).sum() == summary["net_micros"]
    assert curve.max_drawdown_micros >= max(0, -int(curve.net_micros.min()))


def fills(*rows: tuple[int, int, int]) -> Fills:
    """Side, lots and price, a fee of 10 each."""
    side, qty, price = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    count = len(rows)
    return Fills(np.arange(count), side, qty, price, np.full(count, 10), np.zeros(count, np.int64))


@pytest.mark.parametrize(("rows", "expected"), [
    ([(1, 1, 100), (-1, 1, 103)], [300 - 20]),
    ([(1, 1, 100), (1, 1, 102), (-1, 2, 103)], [400 - 30]),
    ([(-1, 2, 100), (1, 3, 99), (-1, 1, 97)], [200 - 20, -200 - 10]),
    ([(1, 1, 100)], []),
])
def test_round_trips_when_from_flat_to_flat_then_result_with_fees(
        rows: list[tuple[int, int, int]], expected: list[int]) -> None:
    assert round_trips_micros(fills(*rows), 100).tolist() == expected


def test_curve_when_by_hand_then_cash_and_mid() -> None:
    decisions = np.zeros(3, DECISION_DTYPE)
    decisions["time_ns"] = [-1, 0, 5]
    decisions["bid_ticks"], decisions["ask_ticks"] = [99, 100, 101], [100, 101, 104]
    curve = session_curve(decisions, fills((1, 2, 100)), 5.0, 100)
    assert curve.position_lots.tolist() == [0, 2, 2]
    assert curve.net_micros.tolist() == [0, 100 - 10, 500 - 10]
    assert curve.mid_points.tolist() == [497.5, 502.5, 512.5]
    assert curve.max_drawdown_micros == 0


def test_curve_when_a_side_is_empty_or_crossed_then_worth_what_it_was_and_no_mid() -> None:
    decisions = np.zeros(5, DECISION_DTYPE)
    decisions["time_ns"] = [-1, 0, 5, 6, 7]
    decisions["bid_ticks"] = [-2**31, 100, -2**31, 120, 100]
    decisions["ask_ticks"] = [2**31 - 1, 101, 101, 110, 2**31 - 1]
    curve = session_curve(decisions, fills((1, 2, 100)), 5.0, 100)
    assert curve.net_micros.tolist() == [0, 90, 90, 90, 90]
    assert np.isnan(curve.mid_points).tolist() == [True, False, True, True, True]
    assert curve.max_drawdown_micros == 0


def test_report_when_no_fee_is_known_then_said(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    session = json.loads((copy / "session.json").read_text())
    assert "0.2561 a lot" in write_session_report(copy).read_text(encoding="utf-8")
    session["identity"]["instrument"]["fee_micros_per_lot"] = 0
    (copy / "session.json").write_text(json.dumps(session))
    assert "No fee is known" in write_session_report(copy).read_text(encoding="utf-8")


def test_report_when_written_then_whole_and_without_nan(folder: Path) -> None:
    text = write_session_report(folder).read_text(encoding="utf-8")
    own = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    assert "NaN" not in own and "nan" not in own and "None" not in own
    assert own.count("<h2>") == 5 and "Sao Paulo" in text
    assert not re.search(r'(?:src|href)="https?:', own)
    figure = text[text.rindex("Plotly.newPlot"):]
    # 09:00 in Sao Paulo is 12:00 UTC.
    assert "2026-03-02T09:0" in figure and "2026-03-02T12:0" not in figure
    assert "NaN" not in figure


def test_report_when_there_was_no_decision_then_still_a_page(tmp_path: Path) -> None:
    config = short_config(2.0, model={"decision_interval_s": 3600.0})
    run_folder(tmp_path / "s", config)
    text = write_session_report(tmp_path / "s").read_text(encoding="utf-8")
    assert "Round trips" in text and "none" in text


def test_page_when_text_holds_markup_then_escaped() -> None:
    text = page("<b>&", [Section("<i>", table([("<u>", "&amp;")]))])
    assert "&lt;b&gt;&amp;" in text and "<h2>&lt;i&gt;</h2>" in text
    assert "<td>&lt;u&gt;</td><td>&amp;</td>" in text
    assert money(-1_250_000, "<R>") == '<span class="loss">&lt;R&gt; -1.25</span>'


def test_report_when_failures_hold_markup_then_escaped(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    summary = json.loads((copy / "summary.json").read_text())
    summary["failures"] = [[0, "ml", "ValueError('<script>')"]] * 9
    summary["stopped_by"] = "agent <ml> failed"
    (copy / "summary.json").write_text(json.dumps(summary))
    text = write_session_report(copy).read_text(encoding="utf-8")
    assert "ValueError(&#x27;&lt;script&gt;&#x27;)" in text and "agent &lt;ml&gt; failed" in text
    assert text.count("1970-01-01T00:00:00.000Z ml") == 5


def test_report_when_folder_cannot_be_read_or_written_then_said(
        folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"session\.json is missing"):
        write_session_report(tmp_path)
    (folder / "report.html").unlink(missing_ok=True)
    (folder / "report.html").mkdir()
    with pytest.raises(StoreError, match="cannot write"):
        write_session_report(folder)

"""The look-ahead detector against functions that fail, remember, or return odd things."""

import sys

import numpy as np
import pytest

from dreammaker.domain.errors import InputError
from dreammaker.features import compute_features
from dreammaker.research.house import check_house, load_pipeline
from dreammaker.research.lookahead import detect
from dreammaker.store.eventlog import EventLog
from tests.unit.research_logs import random_log

LOG = random_log("quotes", 3_000, 8)

REMEMBERS = '''
from dreammaker.features import compute_features

KEPT = {}


def scaled(log):
    frame = compute_features(log)[["mid_price"]]
    if not KEPT:
        KEPT["mean"], KEPT["std"] = frame.mid_price.mean(), frame.mid_price.std()
    frame["scaled"] = (frame.mid_price - KEPT["mean"]) / KEPT["std"]
    return frame


def cached(log):
    if "frame" not in KEPT:
        frame = compute_features(log)[["mid_price"]]
        KEPT["frame"] = frame.assign(next_mid=frame.mid_price.shift(-1))
    return KEPT["frame"]
'''


def base(log):
    return compute_features(log)[["mid_price"]]


def check(pipeline, **options):
    return detect(pipeline, LOG, rng=np.random.default_rng(1), cuts=4, **options)


@pytest.mark.parametrize("function", ["scaled", "cached"])
def test_module_when_it_remembers_the_whole_day_then_its_leak_shows(tmp_path, function) -> None:
    path = tmp_path / "statistics.py"
    path.write_text(REMEMBERS)
    own = sys.modules.get("statistics")
    found = check(load_pipeline(f"{path}:{function}"))
    assert [leak.column for leak in found.leaks] == [
        {"scaled": "scaled", "cached": "next_mid"}[function]]
    assert sys.modules.get("statistics") is own, "a library was replaced by the user's file"


def test_package_when_it_remembers_then_its_leak_shows_too(tmp_path, monkeypatch) -> None:
    (tmp_path / "remembering_features.py").write_text(REMEMBERS)
    monkeypatch.syspath_prepend(tmp_path)
    found = check(load_pipeline("remembering_features:scaled"))
    assert [leak.column for leak in found.leaks] == ["scaled"]


def test_function_when_it_keeps_its_first_rows_then_refused() -> None:
    kept: list = []

    def pipeline(log):
        kept.append(base(log))
        return kept[0]

    with pytest.raises(InputError, match="same rows for logs without their future"):
        check(pipeline)


@pytest.mark.parametrize(("error", "says"), [
    (RuntimeError("bad thing"), "pipeline failed: RuntimeError: bad thing"),
    (AttributeError("x"), "pipeline failed: AttributeError: x"),
    (AssertionError(), "pipeline failed: AssertionError$"), (SystemExit(3), "SystemExit: 3")])
def test_function_when_it_raises_then_one_sentence_or_a_note(error, says: str) -> None:
    def always(log):
        raise error

    def on_short_logs(log):
        if len(log) < len(LOG):
            raise error
        return base(log)

    with pytest.raises(InputError, match=says):
        check(always)
    found = check(on_short_logs)
    assert found.passed and len(found.notes) == 4 and type(error).__name__ in found.notes[0]


def test_column_when_it_holds_arrays_then_compared() -> None:
    def pipeline(log):
        frame = base(log)
        last = frame.mid_price.iloc[-1]
        return frame.assign(honest=[np.array([1.0, np.nan])] * len(frame),
                            leaky=[np.array([last, 1.0])] * len(frame))

    assert [leak.column for leak in check(pipeline).leaks] == ["leaky"]


def test_house_when_the_day_is_empty_then_one_sentence() -> None:
    empty = EventLog.of(LOG.events[:0], LOG.instrument, LOG.source, day=LOG.day)
    with pytest.raises(InputError, match="has too little to compare"):
        check_house(empty, rng=np.random.default_rng(1), cuts=1)

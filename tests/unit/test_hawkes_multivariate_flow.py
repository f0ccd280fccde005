"""Order flow out of an event log: signs, touch, auctions, equal times; real days."""

import numpy as np
import pytest

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind, Phase
from dreammaker.domain.source import SourceProfile
from dreammaker.hawkes import (
    HawkesError,
    MultivariateHawkes,
    MultivariateKernelHawkes,
    goodness_of_fit,
    order_flow_times,
)
from dreammaker.store.eventlog import EventLog

T0 = 1_700_000_000_000_000_000


def log_of(rows, depth=0):
    events = np.zeros(len(rows), EVENT_DTYPE)
    for event, (ms, kind, side, price, lots, *rest) in zip(events, rows, strict=True):
        event["exch_ns"] = event["local_ns"] = T0 + ms * 1_000_000
        event["kind"], event["side"], event["price_ticks"] = kind, side, price
        event["qty_lots"], event["flags"] = lots, Flag.LAST | (rest[0] if rest else 0)
        if kind == Kind.SESSION:
            event["aux"], event["qty_lots"] = lots, 0
    return EventLog.of(events, Instrument.win(), SourceProfile("test", depth, False))


def quotes(*rows):
    return log_of([(0, Kind.SESSION, 0, 0, Phase.CONTINUOUS), (10, Kind.QUOTE, 1, 100, 5),
                   (10, Kind.QUOTE, -1, 102, 5), *rows])


def test_unsigned_trades_are_signed_by_the_quotes_before_them():
    flow = order_flow_times(quotes(
        (20, Kind.TRADE, 0, 102, 1), (30, Kind.TRADE, 0, 100, 1), (40, Kind.TRADE, 0, 101, 1),
        (50, Kind.TRADE, -1, 102, 1), (60, Kind.QUOTE, -1, 101, 5), (60, Kind.TRADE, 0, 101, 1)))
    assert flow["buy"].tolist() == [0.01, 0.05]
    assert flow["sell"].tolist() == [0.02, 0.04]
    assert flow.unsigned == 1 and flow.start_ns == T0 + 10_000_000
    assert flow.duration == pytest.approx(0.05)


def test_auctions_hidden_orders_and_other_phases_are_left_out():
    rows = [(0, Kind.SESSION, 0, 0, Phase.CONTINUOUS),
            (5, Kind.TRADE, 1, 100, 1, Flag.AUCTION), (10, Kind.TRADE, 1, 100, 1),
            (20, Kind.TRADE, 1, 100, 1, Flag.HIDDEN), (30, Kind.ORDER_EXECUTE, 1, 99, 1),
            (40, Kind.SESSION, 0, 0, Phase.CLOSED), (50, Kind.TRADE, 1, 100, 1)]
    flow = order_flow_times(log_of(rows))
    assert flow.start_ns == T0 + 10_000_000
    assert flow["buy"].tolist() == [0.0] and flow["sell"].tolist() == [0.02]
    assert flow.duration == pytest.approx(0.03)
    assert len(order_flow_times(log_of(rows), include_hidden=True)["buy"]) == 2


def test_equal_times_are_merged_spread_or_kept_and_reported():
    log = quotes(*[(20, Kind.TRADE, 1, 102, 1)] * 3, (20, Kind.TRADE, -1, 100, 1),
                 (30, Kind.TRADE, 1, 102, 1), (40, Kind.TRADE, 1, 102, 1))
    merged = order_flow_times(log)
    assert merged["buy"].tolist() == [0.01, 0.02, 0.03] and merged.tied == {"buy": 2, "sell": 0}
    assert "merged into one event each" in merged.describe()
    kept = order_flow_times(log, ties="keep")
    assert kept["buy"].tolist() == [0.01, 0.01, 0.01, 0.02, 0.03]
    spread = order_flow_times(log, ties="spread", rng=np.random.default_rng(1))
    assert spread.resolution == pytest.approx(0.01)
    assert len(np.unique(spread["buy"])) == 5 and (np.diff(spread["buy"]) > 0).all()
    # What stood alone has not moved; what shared its stamp, with the other side too, has.
    assert spread["buy"][-1] == pytest.approx(0.03) and 0.01 < spread["sell"][0] < 0.02


def test_limits_and_cancels_at_the_touch():
    log = log_of([
        (0, Kind.SESSION, 0, 0, Phase.CONTINUOUS),
        (1, Kind.LEVEL_SET, 1, 100, 5), (1, Kind.LEVEL_SET, -1, 102, 5),
        (2, Kind.LEVEL_SET, 1, 100, 7),      # more at the bid
        (3, Kind.LEVEL_SET, 1, 99, 7),       # below it
        (4, Kind.LEVEL_SET, 1, 101, 2),      # a better bid
        (5, Kind.LEVEL_SET, 1, 101, 0),      # gone again
        (6, Kind.TRADE, 1, 102, 2),
        (6, Kind.LEVEL_SET, -1, 102, 3),     # taken, not cancelled
        (7, Kind.LEVEL_SET, -1, 102, 1)], depth=10)
    kinds = ("buy", "limit_bid", "limit_ask", "cancel_bid", "cancel_ask")
    flow = order_flow_times(log, kinds)
    assert list(flow) == list(kinds)
    milliseconds = {name: np.round(1e3 * times).tolist() for name, times in flow.items()}
    assert milliseconds == {"buy": [5.0], "limit_bid": [0.0, 1.0, 3.0], "limit_ask": [0.0],
                            "cancel_bid": [4.0], "cancel_ask": [6.0]}


@pytest.mark.parametrize(("options", "says"), [
    ({"kinds": ("bid",)}, "kinds must be among"),
    ({"kinds": ()}, "kinds must be among"),
    ({"ties": "drop"}, "ties must be one of"),
    ({"ties": "spread"}, "needs rng"),
    ({"kinds": ("limit_bid",)}, "has none"),
])
def test_options_when_impossible_then_one_sentence(options, says):
    with pytest.raises(HawkesError, match=says):
        order_flow_times(quotes((20, Kind.TRADE, 1, 102, 1)), **options)


def test_log_without_continuous_trading_is_refused():
    with pytest.raises(HawkesError, match="no continuous trading"):
        order_flow_times(log_of([(0, Kind.SESSION, 0, 0, Phase.CLOSED)]))


def test_real_days(market_data):
    from dreammaker.data import read_lobster, read_mt5_ticks

    dollar = order_flow_times(read_mt5_ticks(market_data / "DOLK20.csv"), ties="keep")
    # 14 338 and 14 195 against the carried quote, of which the opening auction's 133 buys go.
    assert (len(dollar["buy"]), len(dollar["sell"]), dollar.unsigned) == (14_205, 14_195, 4_585)
    google = order_flow_times(
        read_lobster(market_data / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"),
        ("buy", "sell", "limit_bid", "cancel_ask"), ties="keep")
    assert len(google["buy"]) + len(google["sell"]) == 7_765
    assert min(len(part) for part in google.values()) > 3_000


def test_google_when_fitted_together_then_longer_memories_explain_more(market_data):
    from dreammaker.data import read_lobster

    flow = order_flow_times(
        read_lobster(market_data / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"))
    T = flow.duration
    pairs = MultivariateHawkes([0.1, 0.1], np.full((2, 2), 0.5), np.full((2, 2), 2.0)).fit(flow, T)
    assert pairs.log_likelihood == pytest.approx(-727.42, abs=0.01)
    fits = {name: MultivariateKernelHawkes(name, components=3).fit(flow, T)
            for name in ("exponential", "sum_exponential", "power_law")}
    assert fits["exponential"].log_likelihood == pytest.approx(-727.42, abs=0.01)
    assert fits["sum_exponential"].log_likelihood > 1_629.2
    assert fits["power_law"].log_likelihood > 1_658.2
    assert "want a spectral radius of 1.11" in fits["power_law"].message
    sells = goodness_of_fit(fits["sum_exponential"], flow, T).components[1]
    assert sells.ljung_box_pvalue > 0.01 > sells.ks_pvalue

"""Fees, taxes and auctions: published figures and cases worked out by hand."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreammaker.domain.errors import ConfigError
from dreammaker.domain.fees import (
    DAY_TRADE_REDUCTIONS,
    INDEX_FEES,
    b3_index_fees,
    estimate_day_trade_tax,
    tier_average,
)
from dreammaker.domain.instrument import Instrument
from dreammaker.exchange import ExchangeConfig, Uncrossing, uncross


@pytest.mark.parametrize(("daily_lots", "micros"), [(0, 256_100), (5, 256_100), (25, 256_100),
                                                    (100, 241_325)])
def test_win_fees_of_day_traders(daily_lots, micros):
    assert b3_index_fees("WIN", daily_lots).day_trade_micros == micros


@pytest.mark.parametrize("tiers", [INDEX_FEES, DAY_TRADE_REDUCTIONS])
def test_tables_are_progressive_without_a_jump(tiers):
    for tier, following in pairwise(tiers):
        end = tier.up_to
        assert end * tier.rate + tier.additional == end * following.rate + following.additional
        assert tier_average(tiers, Fraction(end)) == (end * tier.rate + tier.additional) / end


def test_overnight_contracts_pay_in_full_and_the_broker_is_added():
    fees = b3_index_fees("WIN", 250, 0, broker_fee=0.25)
    assert (fees.exchange_micros, fees.broker_micros, fees.settlement_micros) == (
        394_000, 250_000, 300_000)
    assert fees.fill_micros(3) == 3 * (256_100 + 250_000)
    assert fees.fill_micros(3, day_trade=False) == 3 * (394_000 + 250_000)
    assert b3_index_fees("IND", 10).exchange_micros == 1_970_000


def test_larger_accounts_pay_less():
    # ADV 1000 index contracts: (1000 x 1.57 + 97.5) / 1000 = 1.6675, less 66.975 %.
    assert b3_index_fees("IND", 1000).exchange_micros == 1_667_500
    assert b3_index_fees("IND", 1000).day_trade_micros == round(1_667_500 * (1 - 0.66975))


@pytest.mark.parametrize("arguments", [("PETR", 1), ("WIN", -1), ("WIN", 5, 6)])
def test_impossible_fees_are_config_errors(arguments):
    with pytest.raises(ConfigError):
        b3_index_fees(*arguments)


def test_fees_by_configuration():
    win = Instrument.win()
    assert ExchangeConfig(broker_fee_per_lot=0.1).fee_micros_per_lot(win) == 356_100
    by_volume = ExchangeConfig(fee_schedule="b3_index", fee_daily_lots=100, fee_day_trade_lots=100)
    assert by_volume.fee_micros_per_lot(win) == 241_325
    with pytest.raises(ConfigError, match="not 'PET'"):
        by_volume.fee_micros_per_lot(Instrument.named("PETR4"))


def test_tax_estimate():
    estimate = estimate_day_trade_tax([1_000_000_000, -400_000_000])
    assert (estimate.total_micros, estimate.withheld_micros) == (120_000_000, 10_000_000)
    assert estimate_day_trade_tax([-5, -7]).total_micros == 0
    # Losses carried over spare the income tax, not what was withheld.
    assert estimate_day_trade_tax([10_000], 20_000).total_micros == 100


@pytest.mark.parametrize(("bids", "asks", "last", "found"), [
    ([(102, 10), (100, 5)], [(99, 8), (101, 4)], 100, (101, 10, -2)),
    ([(100, 5)], [(101, 5)], 100, None),
    # 10 lots execute from 100 to 104 with nothing left: the nearest to the last price.
    ([(104, 10)], [(100, 10)], 102, (102, 10, 0)),
    ([(104, 10)], [(100, 10)], 90, (100, 10, 0)),
    ([(104, 10)], [(100, 10)], 190, (104, 10, 0)),
    # Volume goes before imbalance, imbalance before distance.
    ([(103, 10), (101, 5)], [(100, 10), (102, 10)], 101, (101, 10, 5)),
    ([(105, 10)], [(100, 6), (103, 4)], 100, (103, 10, 0)),
    # Market orders count at every price; alone they trade at the last one.
    ([(None, 4)], [(None, 9)], 77, (77, 4, -5)),
    ([(None, 4), (99, 3)], [(100, 6)], 98, (100, 4, -2)),
    # As near on both sides: the lower.
    ([(101, 5), (99, 1)], [(99, 5), (101, 1)], 100, (100, 5, 0)),
])
def test_uncrossing_by_hand(bids, asks, last, found):
    result = uncross(bids, asks, last)
    assert result == (None if found is None else Uncrossing(*found))


orders = st.lists(st.tuples(st.integers(90, 110) | st.none(), st.integers(1, 9)), max_size=8)


@given(orders, orders, st.integers(85, 115))
def test_uncrossing_equals_a_search_over_all_prices(bids, asks, last):
    def rank(price):
        demand = sum(lots for limit, lots in bids if limit is None or limit >= price)
        supply = sum(lots for limit, lots in asks if limit is None or limit <= price)
        return -min(demand, supply), abs(demand - supply), abs(price - last), price

    best = min(map(rank, range(80, 121)))
    found = uncross(bids, asks, last)
    if best[0] == 0:
        assert found is None
    else:
        assert (-found.volume_lots, abs(found.imbalance_lots), abs(found.price_ticks - last),
                found.price_ticks) == best


def test_uncrossing_refuses_orders_without_lots():
    with pytest.raises(ValueError, match="1 lot or more"):
        uncross([(100, 0)], [], 100)

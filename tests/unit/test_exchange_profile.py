"""Venue profiles: one table for sentences, for the kernel's bits, and for the configuration."""

from itertools import product

import pytest

from dreammaker._ext.matching_kernel import Matcher
from dreammaker.assembly.config import parse_config
from dreammaker.domain.errors import ConfigError
from dreammaker.domain.orders import OrderType, Reason, ReplaceOrder, SubmitOrder, TimeInForce
from dreammaker.exchange import IDEAL, mt5_b3, profile_named

PROFILES = [IDEAL, *(mt5_b3(flags) for flags in range(8))]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: f"{p.name} {p.capabilities}")
def test_sentence_and_kernel_agree_on_every_kind_of_order(profile):
    for kind, tif, post, reduce in product(OrderType, TimeInForce, (False, True), (False, True)):
        order = SubmitOrder(1, 1, kind, tif, 1, 100, 0, reduce_only=reduce, post_only=post,
                            trigger_ticks=100)
        matcher = Matcher(view_levels=10, assumed_touch_lots=1, capabilities=profile.capabilities)
        matcher.arrive(1, 1, kind, 100, 1, tif, 0, post_only=post, trigger_ticks=100,
                       reduce_only=reduce)
        refused = any(row[8] == Reason.NOT_SUPPORTED for row in matcher.take_outcomes())
        sentence = profile.refusal(order)
        assert refused == (sentence is not None), (order, sentence)
        assert sentence is None or sentence.startswith(profile.name)


@pytest.mark.parametrize("profile", PROFILES[:2], ids=lambda p: p.name)
@pytest.mark.parametrize(("qty", "price"), [(5, 100), (4, 100), (5, 99), (4, 99)])
def test_sentence_and_kernel_agree_on_changes(profile, qty, price):
    working = SubmitOrder(1, 1, OrderType.LIMIT, TimeInForce.DAY, 5, 100, 0)
    matcher = Matcher(view_levels=10, assumed_touch_lots=1, capabilities=profile.capabilities)
    matcher.arrive(1, 1, OrderType.LIMIT, 100, 5, TimeInForce.DAY, 0)
    matcher.take_outcomes()
    matcher.replace(1, qty, price, 0)
    refused = matcher.take_outcomes()[0][8] == Reason.NOT_SUPPORTED
    assert refused == (profile.refusal(ReplaceOrder(1, qty, price, 0), working) is not None)


def test_mt5_follows_the_symbols_filling_flags():
    limit = SubmitOrder(1, 1, OrderType.LIMIT, TimeInForce.DAY, 1, 100, 0, post_only=True)
    assert mt5_b3(3).refusal(limit) == "mt5_b3 takes no post-only LIMIT order"
    assert mt5_b3(4).refusal(limit) is None
    close = SubmitOrder(1, 1, OrderType.MARKET, TimeInForce.FOK, 1, 100, 0, reduce_only=True)
    assert mt5_b3(1).refusal(close) is None
    assert mt5_b3(2).refusal(close) == (
        "mt5_b3 takes no MARKET order with FOK; allowed: DAY, IOC")
    assert not mt5_b3().replace_quantity and not mt5_b3().native_iceberg
    assert (mt5_b3().feed.median_ms, mt5_b3().entry.p99_ms) == (60.0, 250.0)


def test_a_change_of_an_unknown_order_is_refused_in_words():
    assert IDEAL.refusal(ReplaceOrder(9, 1, 1, 0)) == "ideal has no order 9 to change"


def test_unknown_profiles_and_flags_are_config_errors():
    with pytest.raises(ConfigError, match="mt5_b3, ideal"):
        profile_named("nasdaq")
    with pytest.raises(ConfigError, match="filling_mode"):
        mt5_b3(8)


def test_config_check_refuses_what_the_venue_cannot_do():
    values = {"execution": {"entry_style": "market"}}
    with pytest.raises(ConfigError, match='entry_style must not be "market" at the venue mt5_b3'):
        parse_config(values)
    assert parse_config({**values, "exchange": {"profile": "ideal"}}).execution.entry_style

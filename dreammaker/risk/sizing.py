"""How many lots a target may have: by volatility, and by a fraction of Kelly's.

Sources: volatility targeting as practised by trend followers (capital times target volatility over
the worth of one lot's daily move); J. L. Kelly, "A New Interpretation of Information Rate", Bell
System Technical Journal 35 (1956); E. O. Thorp on fractions of it.
"""

import math

from dreammaker.engine.market import MarketView
from dreammaker.ledger import Ledger, RoundTrips
from dreammaker.risk.config import RiskConfig

DAYS_A_YEAR = 252


def volatility_target_lots(capital: float, target_volatility: float, lot_worth: float,
                           daily_volatility: float) -> float:
    """Lots at which a position moves the capital by the target volatility, not yet whole.

    Parameters
    ----------
    capital, lot_worth : float
        In one currency; the worth of a lot is price times point value.
    target_volatility : float
        A year.
    daily_volatility : float
        Of the price, a day.

    Examples
    --------
    >>> round(volatility_target_lots(50_000, 0.15, 130_000 * 0.2, 0.011), 10)
    1.6519426268
    """
    return capital * target_volatility / math.sqrt(DAYS_A_YEAR) / (lot_worth * daily_volatility)


def kelly_binary(win_probability: float, odds: float) -> float:
    """Kelly's fraction p - q / b of a bet that wins ``odds`` times its stake.

    Examples
    --------
    >>> round(kelly_binary(0.55, 1.2), 12)
    0.175
    """
    return win_probability - (1 - win_probability) / odds


def kelly_continuous(mean: float, volatility: float) -> float:
    """Kelly's fraction mu / sigma**2 of a return.

    Examples
    --------
    >>> round(kelly_continuous(0.0005, 0.01), 12)
    5.0
    """
    return mean / volatility ** 2


def kelly_lots(trips: RoundTrips, capital: float, fraction: float) -> float:
    """Lots whose mean loss stakes ``fraction`` of Kelly's share of the capital, not yet whole.

    The stake of a lot is the mean loss of a round trip, the odds are the mean win over it. Without
    losses there is nothing to go by, without wins nothing to bet on.
    """
    if not trips.win_count:
        return 0.0
    if not trips.loss_micros:
        return math.inf
    mean_loss = -trips.loss_micros / trips.loss_count
    odds = trips.win_micros / trips.win_count / mean_loss
    share = kelly_binary(trips.win_count / trips.count, odds)
    return max(share, 0.0) * fraction * capital * 1e6 / mean_loss


class Sizing:
    """Caps a target's lots.

    The volatility of a day is scaled up from ``realized_volatility``, the root of the sum of
    squares of the returns of ``window_s`` seconds, by the square root of time.

    Parameters
    ----------
    config : RiskConfig
    ledger : Ledger
    market : MarketView
    volatility_index : int
        Of ``realized_volatility`` among the features.
    window_s, day_s : float
        Length of its window, and of a trading day.
    """

    def __init__(self, config: RiskConfig, ledger: Ledger, market: MarketView, *,
                 volatility_index: int = 12, window_s: float = 300.0,
                 day_s: float = 33_900.0) -> None:
        self.config, self.ledger, self.market = config, ledger, market
        self.volatility_index = volatility_index
        self.scale = math.sqrt(day_s / window_s)

    def cap_lots(self) -> int:
        """Most lots a position may be raised to now; 0 where the volatility is not known."""
        config, cap = self.config, float(self.config.max_position_lots)
        if config.sizing == "volatility":
            volatility = float(self.market.features[self.volatility_index]) * self.scale
            if not (volatility > 0 and self.market.book_ok):
                return 0
            worth = (self.market.mid_half_ticks / 2
                     * self.ledger.instrument.tick_value_micros / 1e6)
            cap = min(cap, volatility_target_lots(config.capital, config.target_volatility,
                                                  worth, volatility))
        if config.kelly_fraction > 0 and self.ledger.trips.count >= config.kelly_min_trips:
            cap = min(cap, kelly_lots(self.ledger.trips, config.capital, config.kelly_fraction))
        return math.floor(cap)

    def target(self, lots: int) -> int:
        """A target within the limits; what is held already is not sold for its size alone."""
        held = self.ledger.position.lots
        limit = self.config.max_position_lots
        lots = max(-limit, min(limit, lots))
        if lots * held > 0 and abs(lots) <= abs(held):
            return lots
        cap = max(self.cap_lots(), abs(held) if lots * held > 0 else 0)
        return max(-cap, min(cap, lots))

"""Fees and taxes in millionths of the currency: B3's schedule for index futures.

Every figure is a default of the configuration, taken from B3's published table; taxes are an
estimate for reports and never enter the cash of a session.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from dreammaker.domain.errors import ConfigError
from dreammaker.domain.instrument import MONEY_UNIT


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of a progressive table: up to a volume, ``(volume rate + additional) / volume``.

    Parameters
    ----------
    up_to : int or None
        Largest average daily volume of the step; None = no end.
    rate : Fraction
        Currency a contract, or share of the fee.
    additional : Fraction
        What the steps before cost more (or reduce less), in all.
    """

    up_to: int | None
    rate: Fraction
    additional: Fraction


def _tiers(*rows: tuple[int | None, str, str]) -> tuple[Tier, ...]:
    return tuple(Tier(up_to, Fraction(rate), Fraction(extra)) for up_to, rate, extra in rows)


INDEX_FEES = _tiers(
    (50, "1.97", "0"), (150, "1.82", "7.5"), (500, "1.72", "22.5"), (1_500, "1.57", "97.5"),
    (3_500, "1.42", "322.5"), (7_500, "1.27", "847.5"), (15_000, "1.17", "1597.5"),
    (None, "1.07", "3097.5"))
"""Family "Ibovespa and IBrX-50", BRL a contract and side by average daily volume (B3)."""

DAY_TRADE_REDUCTIONS = _tiers(
    (5, "0.35", "0"), (50, "0.40", "-0.25"), (150, "0.55", "-7.75"), (1_500, "0.70", "-30.25"),
    (None, "0.75", "-105.25"))
"""Share of the fee that day trades are spared, by average daily day-trade volume (B3)."""

INDEX_WEIGHTS = {"WIN": Fraction(1, 5), "IND": Fraction(1)}
"""What a contract counts for in the average daily volume, and its share of the index fee."""

SETTLEMENT_MICROS = {"WIN": 300_000}
"""A contract that is held to its expiry (B3)."""


def tier_average(tiers: tuple[Tier, ...], volume: Fraction) -> Fraction:
    """Average rate at a volume of a progressive table.

    Examples
    --------
    >>> float(tier_average(DAY_TRADE_REDUCTIONS, Fraction(20)))
    0.3875
    """
    if volume <= 0:
        return tiers[0].rate
    tier = next(t for t in tiers if t.up_to is None or volume <= t.up_to)
    return (volume * tier.rate + tier.additional) / volume


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Fee a lot and side.

    Parameters
    ----------
    exchange_micros : int
        Of a contract that is held over night.
    day_trade_micros : int
        Of a contract that is opened and closed on one day.
    broker_micros : int
        The broker's own, besides.
    settlement_micros : int
        If the contract is held to its expiry; 0 where it is not known.

    Examples
    --------
    The smallest trader, and one of a hundred minis a day:

    >>> b3_index_fees("WIN", 5).day_trade_micros, b3_index_fees("WIN", 100).day_trade_micros
    (256100, 241325)
    """

    exchange_micros: int
    day_trade_micros: int
    broker_micros: int = 0
    settlement_micros: int = 0

    def fill_micros(self, qty_lots: int, *, day_trade: bool = True) -> int:
        """Fee of a fill: exchange and broker.

        Raises
        ------
        ValueError
            If ``qty_lots`` is below 0.
        """
        if qty_lots < 0:
            raise ValueError(f"qty_lots must be 0 or more, was {qty_lots}")
        exchange = self.day_trade_micros if day_trade else self.exchange_micros
        return qty_lots * (exchange + self.broker_micros)


def b3_index_fees(root: str, daily_lots: float, day_trade_lots: float | None = None,
                  broker_fee: float = 0.0) -> FeeSchedule:
    """B3's fees of index futures.

    Parameters
    ----------
    root : str
        ``WIN`` or ``IND``.
    daily_lots : float
        Average daily volume of the account, contracts of that root, both sides counted.
    day_trade_lots : float, optional
        Of it day trades; None = all.
    broker_fee : float
        The broker's fee a lot and side, in the currency.

    Raises
    ------
    ConfigError
        If the root is none of the family or a volume below 0.
    """
    if root not in INDEX_WEIGHTS:
        raise ConfigError(f"the B3 index fees know {', '.join(INDEX_WEIGHTS)}, not {root!r}")
    if not daily_lots >= 0 or not (day_trade_lots is None or 0 <= day_trade_lots <= daily_lots):
        raise ConfigError("average daily volumes must be 0 or more, day trades no more than all, "
                          f"were {daily_lots} and {day_trade_lots}")
    weight = INDEX_WEIGHTS[root]
    all_lots = Fraction(daily_lots) * weight
    day_lots = all_lots if day_trade_lots is None else Fraction(day_trade_lots) * weight
    fee = tier_average(INDEX_FEES, all_lots) * weight
    reduced = fee * (1 - tier_average(DAY_TRADE_REDUCTIONS, day_lots))
    return FeeSchedule(_micros(fee), _micros(reduced), _micros(Fraction(str(broker_fee))),
                       SETTLEMENT_MICROS.get(root, 0))


def _micros(amount: Fraction) -> int:
    """Millionths, halves up."""
    return int((amount * MONEY_UNIT * 2 + 1) // 2)


@dataclass(frozen=True, slots=True)
class TaxEstimate:
    """What the results of a month's days would be taxed with; an estimate, not advice.

    Parameters
    ----------
    income_tax_micros : int
        20 % of the month's net day-trade gain, what was withheld already taken off.
    withheld_micros : int
        1 % of every day's gain (IRRF).
    """

    income_tax_micros: int
    withheld_micros: int

    @property
    def total_micros(self) -> int:
        """Both."""
        return self.income_tax_micros + self.withheld_micros


def estimate_day_trade_tax(daily_net_micros: Iterable[int], carried_loss_micros: int = 0
                           ) -> TaxEstimate:
    """Estimate the tax on a month's day trades.

    Parameters
    ----------
    daily_net_micros : iterable of int
        Result of each day after fees.
    carried_loss_micros : int
        Losses of earlier months that are not used up, 0 or more.

    Examples
    --------
    A gain of 1000, then a loss of 400: 200 - 80 of tax, of which 10 were withheld.

    >>> estimate_day_trade_tax([1_000_000_000, -400_000_000])
    TaxEstimate(income_tax_micros=110000000, withheld_micros=10000000)
    """
    if carried_loss_micros < 0:
        raise ValueError(f"carried_loss_micros must be 0 or more, was {carried_loss_micros}")
    days = list(daily_net_micros)
    withheld = sum(day // 100 for day in days if day > 0)
    taxable = max(sum(days) - carried_loss_micros, 0)
    return TaxEstimate(max(taxable // 5 - withheld, 0), withheld)

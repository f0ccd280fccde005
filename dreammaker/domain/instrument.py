"""Instruments: the grid of prices, the worth of a tick, contract months."""

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dreammaker.domain.errors import ConfigError

MONEY_UNIT = 1_000_000
"""Cash is held in whole millionths of the currency."""

_WIN_MONTHS = {"G": 2, "J": 4, "M": 6, "Q": 8, "V": 10, "Z": 12}


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is traded.

    Parameters
    ----------
    symbol : str
        As the venue or the broker writes it.
    tick_size : float
        Points (or currency) from one price to the next.
    tick_value_micros : int
        Worth of one tick of one lot, in millionths of the currency.
    lot_size : float
        Contracts (or units) in one lot.
    currency : str
        ISO code, or the venue's own (USDT).
    calendar : str
        Name of the session calendar (``domain.calendar``), "always" for none.
    fee_micros_per_lot : int
        Exchange and broker fees a side and lot, in millionths of the currency.
    exchange_zone : str
        Time zone whose calendar days are the archive's days.

    Examples
    --------
    >>> Instrument.win("WINZ26").tick_value_micros
    1000000
    >>> Instrument.win("WINZ26").to_ticks(130_005.0)
    26001
    """

    symbol: str
    tick_size: float
    tick_value_micros: int
    lot_size: float = 1.0
    currency: str = "BRL"
    calendar: str = "always"
    fee_micros_per_lot: int = 0
    exchange_zone: str = "America/Sao_Paulo"

    def __post_init__(self) -> None:
        if not self.symbol:
            raise ConfigError("instrument.symbol must not be empty")
        for name in ("tick_size", "lot_size", "tick_value_micros"):
            if not getattr(self, name) > 0:
                raise ConfigError(
                    f"instrument.{name} must be above 0, was {getattr(self, name)!r}")
        if self.fee_micros_per_lot < 0:
            raise ConfigError(
                f"instrument.fee_micros_per_lot must be 0 or more, was {self.fee_micros_per_lot}")
        try:
            ZoneInfo(self.exchange_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ConfigError("instrument.exchange_zone must be a time zone such as "
                              f"America/Sao_Paulo, was {self.exchange_zone!r}") from None

    @classmethod
    def win(cls, symbol: str = "WIN") -> "Instrument":
        """The Mini Ibovespa future: 5 points a tick, BRL 0.20 a point (B3)."""
        return cls(symbol=symbol, tick_size=5.0, tick_value_micros=1_000_000, currency="BRL",
                   calendar="b3_index_futures", fee_micros_per_lot=256_100)

    @classmethod
    def known(cls, symbol: str) -> "Instrument | None":
        """The specification of a symbol that the program knows, None for any other.

        WIN, IND, DOL and WDO of B3; the E-mini S&P futures of CME (ES, MES and a month, ESH4);
        BTCUSDT, Binance's perpetual. The fees of the last two are not known and 0.
        """
        root = symbol.upper()
        if root.startswith("WIN"):
            return cls.win(symbol)
        if root.startswith("IND"):
            return replace(cls.win(symbol), tick_value_micros=5_000_000,
                           fee_micros_per_lot=1_280_500)
        if root.startswith("DOL"):
            return cls(symbol, 0.5, 25_000_000, calendar="b3_currency_futures")
        if root.startswith("WDO"):
            return cls(symbol, 0.5, 5_000_000, calendar="b3_currency_futures")
        if match := re.fullmatch(r"(M?)ES[FGHJKMNQUVXZ]\d{1,2}", root):
            # Databento cuts its days at midnight UTC, each with a snapshot; so does the archive.
            return cls(symbol, 0.25, 1_250_000 if match[1] else 12_500_000, currency="USD",
                       exchange_zone="UTC")
        if root == "BTCUSDT":
            return cls(symbol, 0.1, 100, lot_size=0.001, currency="USDT", exchange_zone="UTC")
        return None

    @classmethod
    def named(cls, symbol: str) -> "Instrument":
        """An instrument by its symbol: the known specification, or a default.

        Four letters and a number (PETR4) are a share of B3; anything else is a cash instrument of
        New York. Both have a tick of one cent (override by config).
        """
        known = cls.known(symbol)
        if known is not None:
            return known
        if re.fullmatch(r"[A-Z]{4}\d{1,2}", symbol.upper()):
            return cls(symbol, 0.01, 10_000)
        return cls(symbol, 0.01, 10_000, currency="USD", exchange_zone="America/New_York")

    def to_ticks(self, price: float) -> int:
        """Nearest whole tick of a price in points."""
        return round(price / self.tick_size)

    def to_points(self, ticks: float) -> float:
        """Price in points of a (whole or half) number of ticks."""
        return ticks * self.tick_size


def win_expiry(year: int, month: int) -> date:
    """Wednesday nearest the 15th of the contract month, before any move for holidays (B3).

    Examples
    --------
    >>> win_expiry(2026, 12)
    datetime.date(2026, 12, 16)
    """
    if month not in _WIN_MONTHS.values():
        raise ValueError(f"month must be one of {sorted(_WIN_MONTHS.values())}, was {month}")
    start = date(year, month, 12)
    return start + timedelta(days=(2 - start.weekday()) % 7)


def parse_win_symbol(symbol: str) -> tuple[int, int]:
    """Year and month of a WIN contract symbol such as ``WINZ26``.

    Raises
    ------
    ConfigError
        If the symbol is not ``WIN`` + one of G J M Q V Z + two digits (the continuous ``WIN$`` and
        ``WIN@`` series are charts, not contracts).
    """
    match = re.fullmatch(r"WIN([GJMQVZ])(\d{2})", symbol)
    if match is None:
        raise ConfigError(
            f"symbol {symbol!r} is not a WIN contract; allowed: WIN + G J M Q V or Z + two digits")
    return 2000 + int(match[2]), _WIN_MONTHS[match[1]]

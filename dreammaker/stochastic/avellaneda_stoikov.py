"""Avellaneda and Stoikov's quotes for a market maker with inventory, and their simulation.

"High-frequency trading in a limit order book", Quantitative Finance 8(3), 2008; numbers in brackets
are its equations. Prices in points, inventory in lots, time in any one unit.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np

from dreammaker.stochastic._checks import (
    Floats,
    count,
    finite,
    frozen,
    generator,
    not_negative,
    positive,
)
from dreammaker.stochastic._portable import log1p


@dataclass(frozen=True, slots=True)
class Quotes:
    """A pair of quotes and what they were made of; points.

    Parameters
    ----------
    bid, ask : float
    reservation : float
        Price at which the maker is indifferent to a further lot.
    spread : float
        ask - bid.
    """

    bid: float
    ask: float
    reservation: float
    spread: float


@dataclass(frozen=True, slots=True)
class AvellanedaStoikov:
    """The market maker's problem with a fixed horizon.

    The mid follows ``dS = volatility dW``; a quote at distance d is filled at the rate
    ``intensity exp(-decay d)``; utility is exponential.

    Parameters
    ----------
    risk_aversion : float
        gamma per point and lot, above 0.
    volatility : float
        sigma, points per square root of a unit of time.
    intensity : float
        A, fills per unit of time at the mid; enters the simulation only.
    decay : float
        k per point, above 0.
    horizon : float
        T.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> maker = AvellanedaStoikov(0.1, 2.0, 140.0, 1.5, 1.0)
    >>> quotes = maker.quotes(100.0, -2.0, 0.0)
    >>> round(quotes.reservation, 7), round(quotes.bid, 7), round(quotes.ask, 7)
    (100.8, 99.9546148, 101.6453852)
    """

    risk_aversion: float
    volatility: float
    intensity: float
    decay: float
    horizon: float

    def __post_init__(self) -> None:
        for name in ("risk_aversion", "intensity", "decay", "horizon"):
            positive(name, getattr(self, name))
        not_negative("volatility", self.volatility)

    @property
    def constant_spread(self) -> float:
        """``(2 / gamma) ln(1 + gamma / k)``: what the paper's tables call the spread."""
        return 2.0 / self.risk_aversion * log1p(self.risk_aversion / self.decay)

    def reservation_price(self, mid: float, inventory_lots: float, time: float) -> float:
        """``mid - inventory gamma sigma^2 (T - t)``, the centre of the quotes (3.17)."""
        return finite("mid", mid) - finite("inventory_lots", inventory_lots) * self._risk(time)

    def one_sided_prices(self, mid: float, inventory_lots: float, time: float
                         ) -> tuple[float, float]:
        """Reservation bid and ask (3.8): indifference to buying, and to selling, one lot."""
        centre = self.reservation_price(mid, inventory_lots, time)
        half = 0.5 * self._risk(time)
        return centre - half, centre + half

    def total_spread(self, time: float) -> float:
        """``gamma sigma^2 (T - t) + (2 / gamma) ln(1 + gamma / k)`` (3.18)."""
        return self._risk(time) + self.constant_spread

    def quotes(self, mid: float, inventory_lots: float, time: float) -> Quotes:
        """Bid and ask for an inventory at a time in [0, horizon].

        Notes
        -----
        Not rounded to the grid and not kept from crossing the mid: with a large inventory the side
        that reduces it may cross. The same bits on every machine.
        """
        centre = self.reservation_price(mid, inventory_lots, time)
        spread = self.total_spread(time)
        return Quotes(centre - 0.5 * spread, centre + 0.5 * spread, centre, spread)

    def _risk(self, time: float) -> float:
        left = self.horizon - finite("time", time)
        if not 0.0 <= left <= self.horizon:
            raise ValueError(f"time must be in [0, {self.horizon:g}], was {time}")
        return self.risk_aversion * self.volatility * self.volatility * left


@dataclass(frozen=True, slots=True)
class MakerRun:
    """End of simulated days of a market maker.

    Parameters
    ----------
    profit : ndarray of float64, shape (paths,)
        Cash and inventory at the last mid; points times lots.
    inventory_lots : ndarray of float64, shape (paths,)
    fill_count : ndarray of float64, shape (paths,)
    """

    profit: Floats
    inventory_lots: Floats
    fill_count: Floats


Strategy = Literal["inventory", "symmetric"]
SpreadRule = Literal["total", "constant"]


def simulate_maker(maker: AvellanedaStoikov, strategy: Strategy, step_count: int, path_count: int,
                   rng: np.random.Generator, *, spread: SpreadRule = "total",
                   start_mid: float = 100.0) -> MakerRun:
    """Simulate the paper's experiment.

    In each step both quotes are set, the mid moves by ``+- volatility sqrt(dt)``, and each
    quote is filled for one lot with probability ``A exp(-k d) dt``, d being its distance from the
    mid it then finds (at most 1).

    Parameters
    ----------
    maker : AvellanedaStoikov
    strategy : {"inventory", "symmetric"}
        Centred on the reservation price, or on the mid whatever the inventory.
    step_count, path_count : int
    rng : numpy.random.Generator
    spread : {"total", "constant"}
        `AvellanedaStoikov.total_spread`, or only its constant part.
    start_mid : float

    Returns
    -------
    MakerRun

    Notes
    -----
    Not modelled: ticks, queues, sizes, adverse selection, fees, latency; two fills of one side in
    one step.
    """
    if strategy not in ("inventory", "symmetric"):
        raise ValueError(f"strategy must be inventory or symmetric, was {strategy!r}")
    if spread not in ("total", "constant"):
        raise ValueError(f"spread must be total or constant, was {spread!r}")
    paths = count("path_count", path_count)
    generator(rng)
    dt = maker.horizon / count("step_count", step_count)
    move = maker.volatility * sqrt(dt)
    mid = np.full(paths, finite("start_mid", start_mid))
    lots, cash, fills = np.zeros(paths), np.zeros(paths), np.zeros(paths)
    for j in range(step_count):
        time = j * dt
        half = 0.5 * (maker.total_spread(time) if spread == "total" else maker.constant_spread)
        lean = maker._risk(time) if strategy == "inventory" else 0.0
        centre = mid - lots * lean
        mid = mid + np.where(rng.random(paths) < 0.5, move, -move)
        bought = rng.random(paths) < _chance(maker, mid - (centre - half), dt)
        sold = rng.random(paths) < _chance(maker, centre + half - mid, dt)
        cash += np.where(sold, centre + half, 0.0) - np.where(bought, centre - half, 0.0)
        lots += bought.astype(np.float64) - sold
        fills += bought.astype(np.float64) + sold
    return MakerRun(frozen(cash + lots * mid), frozen(lots), frozen(fills))


def _chance(maker: AvellanedaStoikov, distance: Floats, dt: float) -> Floats:
    # Beyond the mid the rate would overflow long after the chance is 1.
    return np.minimum(maker.intensity * np.exp(-maker.decay * np.maximum(distance, -50.0 /
                                                                         maker.decay)) * dt, 1.0)

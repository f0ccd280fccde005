"""The base rate mu(t): constant, or constant between knots for a day that is not flat."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.hawkes.errors import HawkesError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ConstantBaseline:
    """mu(t) = rate, events per second."""

    rate: float

    @property
    def edges(self) -> None:
        """No knots."""
        return None

    @property
    def levels(self) -> Floats:
        """The rate, shape (1,)."""
        return np.array([self.rate])

    def value(self, t: ArrayLike) -> Floats:
        """The rate, in the shape of `t`."""
        return np.full(np.shape(t), self.rate)

    def integral(self, x: ArrayLike) -> Floats:
        """Rate times `x`, shape of `x`."""
        return np.asarray(self.rate * np.asarray(x, np.float64))


@dataclass(frozen=True)
class PiecewiseConstantBaseline:
    """mu(t) = rates[j] for knots[j] <= t < knots[j + 1].

    The last rate also holds at the last knot.

    Parameters
    ----------
    knots : sequence of float, shape (pieces + 1,)
        Ends of the pieces in seconds, increasing, the first at 0; the last at T or later.
    rates : sequence of float, shape (pieces,), optional
        Events per second, above 0. None where they are to be fitted.

    Raises
    ------
    HawkesError
        If the knots do not increase from 0, or a rate is not above 0.

    Examples
    --------
    >>> base = PiecewiseConstantBaseline(knots=(0.0, 10.0, 30.0), rates=(2.0, 0.5))
    >>> base.value([0.0, 10.0]).tolist(), base.integral([5.0, 30.0]).tolist()
    ([2.0, 0.5], [10.0, 30.0])
    """

    knots: tuple[float, ...]
    rates: tuple[float, ...] | None = None

    def __init__(self, knots: Sequence[float] | Floats,
                 rates: Sequence[float] | Floats | None = None) -> None:
        ends = np.asarray(knots, np.float64)
        if (ends.ndim != 1 or ends.size < 2 or not np.isfinite(ends).all() or ends[0] != 0.0
                or not (np.diff(ends) > 0.0).all()):
            raise HawkesError(
                f"knots must be two or more finite times that increase from 0, were {knots!r}")
        object.__setattr__(self, "knots", tuple(ends.tolist()))
        object.__setattr__(self, "rates", None)
        if rates is not None:
            values = np.asarray(rates, np.float64)
            if values.shape != (ends.size - 1,):
                raise HawkesError(
                    f"{ends.size} knots bound {ends.size - 1} pieces, rates had shape "
                    f"{values.shape}")
            if not (np.isfinite(values) & (values > 0.0)).all():
                raise HawkesError(f"base rates must be finite and above 0, were {rates!r}")
            object.__setattr__(self, "rates", tuple(values.tolist()))

    @property
    def edges(self) -> Floats:
        """The knots, shape (pieces + 1,)."""
        return np.array(self.knots)

    @property
    def levels(self) -> Floats:
        """The rates, shape (pieces,); `HawkesError` where there are none yet."""
        if self.rates is None:
            raise HawkesError("the base rate has no rates yet: give them or fit them")
        return np.array(self.rates)

    def value(self, t: ArrayLike) -> Floats:
        """mu(t), shape of `t`; the first rate before 0, the last beyond the last knot."""
        rates = self.levels
        piece = np.searchsorted(self.knots, np.asarray(t, np.float64), side="right") - 1
        return np.asarray(rates[np.clip(piece, 0, rates.size - 1)])

    def integral(self, x: ArrayLike) -> Floats:
        """Integral of mu from 0 to `x`, shape of `x`, for x up to the last knot."""
        rates, knots = self.levels, np.array(self.knots)
        total = np.concatenate([[0.0], np.cumsum(rates * np.diff(knots))])
        return np.asarray(np.interp(np.asarray(x, np.float64), knots, total))

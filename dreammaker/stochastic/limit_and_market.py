"""Liquidation by patient orders that fill at random and by crossing the spread at a price.

Cartea, Jaimungal, "Optimal execution with limit and market orders", Quantitative Finance 15(8),
2015, and Cartea, Jaimungal, Penalva, "Algorithmic and High-Frequency Trading", CUP 2015, ch. 8,
for an order at the touch (its distance is given, not chosen), with crossing at a speed that pays
temporary impact as in ch. 6.5 in place of single orders without impact. Whole lots, so the
equation is a system of ordinary ones. Without patient orders it is `hjb.LiquidationControl`'s.
"""

from dataclasses import dataclass

import numpy as np

from dreammaker.stochastic._checks import (
    Floats,
    count,
    finite,
    frozen,
    not_negative,
    positive,
)

_MAX_STEPS = 100_000


@dataclass(frozen=True, slots=True)
class PatientControl:
    """Trade a quantity by a horizon, patiently where that is worth the wait.

    With q left, a patient lot fills at rate ``fill_rate`` and gains ``patient_gain`` against the
    mid; crossing at speed v pays ``half_spread + temporary v`` a lot; waiting costs
    ``running_penalty q^2`` a unit of time; what is left at the end pays
    ``half_spread q + terminal_penalty q^2``. With D(t, q) = h(t, q-1) - h(t, q), what one lot less
    is worth, the value h solves

    ``h_t - running_penalty q^2 + fill_rate max(D + patient_gain, 0)
    + sup_{0 <= v <= max_speed} v (D - half_spread - temporary v) = 0``.

    Parameters
    ----------
    quantity_lots : int
        1 or more.
    horizon : float
        T, any unit of time.
    half_spread : float
        Points, 0 or more.
    fill_rate : float
        Lots per unit of time, 0 or more.
    patient_gain : float
        Points: the half spread less what the mid moves against a patient fill.
    temporary : float
        k, points per (lot per unit of time), above 0.
    running_penalty : float
        phi, points per lot and unit of time: risk aversion x volatility^2.
    terminal_penalty : float
        alpha, points per lot.
    max_speed : float
        Lots per unit of time, above 0.

    Raises
    ------
    ValueError
        If a parameter is out of range.
    """

    quantity_lots: int
    horizon: float
    half_spread: float
    fill_rate: float
    patient_gain: float
    temporary: float
    running_penalty: float
    terminal_penalty: float
    max_speed: float

    def __post_init__(self) -> None:
        count("quantity_lots", self.quantity_lots)
        for name in ("horizon", "temporary", "max_speed"):
            positive(name, getattr(self, name))
        for name in ("half_spread", "fill_rate", "running_penalty", "terminal_penalty"):
            not_negative(name, getattr(self, name))
        finite("patient_gain", self.patient_gain)


@dataclass(frozen=True, slots=True)
class PatientSolution:
    """Value and what follows from it, by time to go and lots left.

    Parameters
    ----------
    control : PatientControl
    step : float
        Between two rows, units of time.
    value : ndarray of float64, shape (n + 1, cells + 1)
        h; row i is at ``i step`` to go, column j at ``j cell_lots`` left. Points times lots.
    cell_lots : float
        Lots between two columns.
    """

    control: PatientControl
    step: float
    value: Floats
    cell_lots: float

    def worth_of_less(self, to_go: float, left_lots: float) -> float:
        """D: what one lot less is worth, points a lot; linear between times.

        Parameters
        ----------
        to_go : float
            Time to go; beyond the table's ends the ends count.
        left_lots : float
            Above 0.
        """
        cells = self.value.shape[1] - 1
        j = min(max(int(-(-left_lots // self.cell_lots)), 1), cells)
        place = min(max(to_go / self.step, 0.0), float(self.value.shape[0] - 1))
        row = min(int(place), self.value.shape[0] - 2)
        low, high = (float(self.value[row + i, j - 1] - self.value[row + i, j])
                     for i in (0, 1))
        worth: float = (low + (place - row) * (high - low)) / self.cell_lots
        return worth

    def crossing_speed(self, to_go: float, left_lots: float) -> float:
        """Best speed of crossing, lots per unit of time; 0 where waiting is worth more."""
        return crossing_speed(self.control, self.worth_of_less(to_go, left_lots))


def crossing_speed(control: PatientControl, worth: float) -> float:
    """Speed at which crossing costs what one lot less is worth, within its limit."""
    speed = (worth - control.half_spread) / (2.0 * control.temporary)
    return min(max(speed, 0.0), control.max_speed)


def solve_patient(control: PatientControl, *, max_cells: int = 64) -> PatientSolution:
    """Solve backward from the horizon.

    Parameters
    ----------
    control : PatientControl
    max_cells : int
        A larger quantity is solved in cells of several lots.

    Returns
    -------
    PatientSolution

    Raises
    ------
    ValueError
        If the fastest rate times the horizon asks for more than 100 000 steps.

    Notes
    -----
    Two-stage Runge-Kutta steps that keep the monotony of Euler's (Shu and Osher 1988) at most
    1 / (fill_rate + max_speed) cells long: of second order where the solution is smooth.
    O(cells steps). Only + - * / max and min, elementwise: the same bits on every machine.

    Examples
    --------
    Patient while there is time, crossing where it runs out.

    >>> control = PatientControl(10, 60.0, 0.5, 0.3, 0.2, 0.05, 1e-4, 1.0, 5.0)
    >>> solved = solve_patient(control)
    >>> solved.crossing_speed(60.0, 10.0), solved.crossing_speed(1.0, 10.0)
    (0.0, 5.0)
    """
    cells = min(control.quantity_lots, count("max_cells", max_cells, 2))
    cell = control.quantity_lots / cells
    fastest = (control.fill_rate + control.max_speed) / cell
    steps = max(int(control.horizon * fastest) + 1, 32)
    if steps > _MAX_STEPS:
        raise ValueError("horizon x (fill_rate + max_speed) must be at most "
                         f"{_MAX_STEPS * cell:g} lots, was {control.horizon * fastest * cell:g}")
    step = control.horizon / steps
    lots = np.arange(cells + 1, dtype=np.float64) * cell
    held = control.running_penalty * lots * lots
    value = np.empty((steps + 1, cells + 1))
    value[0] = -(control.half_spread + control.terminal_penalty * lots) * lots
    for i in range(steps):
        now = value[i]
        tried = now + step * _change(control, now, held, cell)
        value[i + 1] = 0.5 * now + 0.5 * (tried + step * _change(control, tried, held, cell))
    return PatientSolution(control, step, frozen(value), cell)


def _change(control: PatientControl, value: Floats, held: Floats, cell: float) -> Floats:
    # dh / d(time to go), by lots left.
    worth = (value[:-1] - value[1:]) / cell
    edge = worth - control.half_spread
    speed = np.minimum(np.maximum(edge / (2.0 * control.temporary), 0.0), control.max_speed)
    change = -held
    change[1:] += (control.fill_rate * np.maximum(worth + control.patient_gain, 0.0)
                   + speed * (edge - control.temporary * speed))
    return change

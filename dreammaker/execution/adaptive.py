"""The adaptive algorithm: patient at the touch, crossing when the value function says so.

The value of waiting comes from ``stochastic.limit_and_market``: one table for each level of
volatility, solved beforehand and used in feedback form (Cartea and Jaimungal). Spread and
imbalance enter live, through the micro-price: crossing costs the half spread less what the queues
say the mid is about to move our way, ``half_spread (1 - imbalance)``.

Tables and rule use + - * / and comparisons alone: the same bits on every machine.
"""

from dreammaker.execution.algorithms import NEVER, Conditions
from dreammaker.execution.config import ExecutionConfig
from dreammaker.execution.parent import ParentOrder
from dreammaker.stochastic.limit_and_market import (
    PatientControl,
    PatientSolution,
    solve_patient,
)

LEVELS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Volatility of the tables as multiples of the reference."""

_EDGES = (0.3535533905932738, 0.7071067811865476, 1.4142135623730951, 2.8284271247461903)
_FASTEST = 20.0
_LONGEST_STEP_S = 5.0


class AdaptiveTables:
    """Solved tables, kept between parents: one set of levels for the largest quantity seen.

    Parameters
    ----------
    config : ExecutionConfig
    tick_size : float
        Points.

    Examples
    --------
    >>> tables = AdaptiveTables(ExecutionConfig(horizon_s=60.0), 5.0)
    >>> tables.prepare(10)
    >>> calm, wild = tables.at(2.5), tables.at(20.0)
    >>> calm.worth_of_less(30.0, 10.0) < wild.worth_of_less(30.0, 10.0)
    True
    """

    def __init__(self, config: ExecutionConfig, tick_size: float) -> None:
        self.config, self.tick_size = config, tick_size
        self._lots = 0
        self._solved: list[PatientSolution] = []

    def prepare(self, lots: int) -> None:
        """Solve for quantities up to the next power of two, unless the tables at hand will do."""
        wanted = 1
        while wanted < lots:
            wanted *= 2
        if wanted <= self._lots <= 8 * wanted:
            return
        self._lots = wanted
        self._solved = [solve_patient(self._control(wanted, level)) for level in LEVELS]

    def at(self, volatility: float) -> PatientSolution:
        """Table of the nearest level (in ratio); the reference's where volatility is NaN."""
        reference = self.config.reference_volatility
        if not (volatility == volatility and reference > 0.0):
            return self._solved[LEVELS.index(1.0)]
        ratio = volatility / reference
        return self._solved[sum(1 for edge in _EDGES if ratio > edge)]

    def _control(self, lots: int, level: float) -> PatientControl:
        config = self.config
        sigma = config.reference_volatility * level
        half = 0.5 * self.tick_size
        return PatientControl(
            lots, config.horizon_s, half, config.fill_rate,
            half - config.adverse_ticks * self.tick_size, config.temporary_impact,
            2.0 * config.urgency * config.risk_aversion * sigma * sigma, config.terminal_penalty,
            _FASTEST * lots / config.horizon_s)


class AdaptiveAlgorithm:
    """Works a parent by feedback from the tables.

    Parameters
    ----------
    parent : ParentOrder
    tables : AdaptiveTables
        Prepared for the parent's lots.
    """

    def __init__(self, parent: ParentOrder, tables: AdaptiveTables) -> None:
        self._parent, self._tables = parent, tables
        self.resting_children = tables.config.max_resting_children
        self._last_ns = parent.start_ns
        self._must = 0.0

    def observe(self, now: Conditions) -> None:
        """Add what the value function wants crossed since the last look."""
        parent, tables = self._parent, self._tables
        elapsed_s = min(max(now.now_ns - self._last_ns, 0) / 1e9, _LONGEST_STEP_S)
        self._last_ns = max(now.now_ns, self._last_ns)
        self._must = max(self._must, float(now.filled_lots))
        left = parent.lots - self._must
        if left <= 0.0 or elapsed_s == 0.0:
            return
        solved = tables.at(now.volatility)
        worth = solved.worth_of_less((parent.end_ns - now.now_ns) / 1e9, left)
        lean = now.imbalance if now.imbalance == now.imbalance else 0.0
        cost = 0.5 * now.spread_ticks * tables.tick_size * (1.0 - lean)
        speed = (worth - cost) / (2.0 * solved.control.temporary)
        speed = min(max(speed, 0.0), solved.control.max_speed)
        self._must = min(self._must + speed * elapsed_s, float(parent.lots))

    def due_lots(self, now_ns: int) -> int:
        """All of it: a patient order is worth having out at any time."""
        return self._parent.lots

    def must_lots(self, now_ns: int) -> int:
        """What the value function wanted crossed so far, and what was filled."""
        return int(self._must)

    def child_lots(self) -> int:
        """The configured limit."""
        return self._tables.config.max_child_lots

    def refilled(self) -> None:
        """Children are not counted."""

    def next_change_ns(self, now_ns: int) -> int:
        """It changes all the time: reviews decide."""
        return NEVER

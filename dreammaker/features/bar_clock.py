"""Bars as the loop's decision clock."""

import numpy as np

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EventArray
from dreammaker.engine.market import Rows
from dreammaker.features.bar_rules import BarRule
from dreammaker.features.bars import BarStream


class BarDecisionClock:
    """Decides on the first feature row at or after the print that ends each bar.

    Parameters
    ----------
    rule : BarRule
        Not of form "time", which `engine.decisions.TimeDecisionClock` is for.
    instrument : Instrument

    Notes
    -----
    Bars that a change of the session's phase cut short decide nothing. Bars that end between two
    rows give one decision. The choice depends on the records and rows alone, never on how they
    were cut into batches.

    Raises
    ------
    ValueError
        For a rule of form "time".
    """

    def __init__(self, rule: BarRule, instrument: Instrument) -> None:
        if rule.form == "time":
            raise ValueError("rule must not be of form 'time'; use TimeDecisionClock")
        self._stream = BarStream(rule, instrument)
        self._records = 0
        self._due = False

    def choose(self, events: EventArray, rows: Rows) -> list[int]:
        """Indices of the decision rows among a batch's rows.

        Parameters
        ----------
        events : array of EVENT_DTYPE
            The batch.
        rows : Rows
            Its feature rows; ``event_index`` counts from the batch's first record.
        """
        bars = self._stream.process(events)
        ended = bars["last_index"][bars["complete"] == 1] - self._records
        self._records += len(events)
        if self._due:
            ended = np.concatenate((np.zeros(1, np.int64), ended))
        if not len(ended):
            return []
        at = np.searchsorted(rows.event_index[:rows.count], ended, side="left")
        self._due = bool(at[-1] == rows.count)
        return [int(index) for index in np.unique(at[at < rows.count])]

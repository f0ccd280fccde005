"""Round trips: what each brought, from flat to flat or to the reversal."""

from dataclasses import dataclass


@dataclass(slots=True)
class RoundTrips:
    """Counts and sums over the round trips of a session, fees paid.

    Attributes
    ----------
    win_count, loss_count : int
        A trip that brought nothing counts as a loss: it cost its risk.
    win_micros, loss_micros : int
        Sums; the losses' is 0 or below.
    consecutive_losses : int
        Up to the last trip.

    Examples
    --------
    >>> trips = RoundTrips()
    >>> for result in (5_000_000, -2_000_000, -1_000_000):
    ...     trips.note(result)
    >>> trips.count, trips.consecutive_losses
    (3, 2)
    """

    win_count: int = 0
    loss_count: int = 0
    win_micros: int = 0
    loss_micros: int = 0
    consecutive_losses: int = 0

    def note(self, result_micros: int) -> None:
        """Take a trip that has ended."""
        if result_micros > 0:
            self.win_count += 1
            self.win_micros += result_micros
            self.consecutive_losses = 0
        else:
            self.loss_count += 1
            self.loss_micros += result_micros
            self.consecutive_losses += 1

    @property
    def count(self) -> int:
        """Trips that have ended."""
        return self.win_count + self.loss_count

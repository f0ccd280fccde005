"""What can go wrong when a Hawkes process is built, evaluated or fitted."""

from dreammaker.domain.errors import DreamMakerError


class HawkesError(DreamMakerError):
    """Event times, a parameter or an option that a Hawkes process cannot take.

    Examples
    --------
    >>> HawkesError("T must be above 0, was 0").exit_code
    2
    """

    exit_code = 2

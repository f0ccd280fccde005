"""Errors a user can cause or must know of. Each is one clear sentence; none shows a traceback."""


class DreamMakerError(Exception):
    """Base of every expected error. The CLI prints it as one line; ``exit_code`` is its status."""

    exit_code = 1


class InputError(DreamMakerError):
    """Bad input data: names the file, the line or row, what was wrong and what is allowed.

    Examples
    --------
    >>> str(InputError("negative volume -3; a volume is 0 or more", file="a.csv", line=7))
    'a.csv, line 7: negative volume -3; a volume is 0 or more'
    """

    exit_code = 2

    def __init__(self, problem: str, *, file: object = None, line: int | None = None) -> None:
        place = "" if file is None else f"{file}" + (f", line {line}" if line else "")
        super().__init__(f"{place}: {problem}" if place else problem)
        self.file, self.line = file, line


class ConfigError(DreamMakerError):
    """Bad configuration: names the file, the key, what was wrong and what is allowed."""

    exit_code = 2


class StoreError(DreamMakerError):
    """Something on disk is missing, damaged, of an unknown version, or cannot be written."""

    exit_code = 3


class VerificationError(DreamMakerError):
    """A replay or a check found a difference."""

    exit_code = 4


class WorkersError(DreamMakerError):
    """Processes or a cluster that work was given to are lost; what was finished is kept."""

    exit_code = 5

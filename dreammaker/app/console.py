"""What commands print on a terminal: tables on stdout, progress on stderr."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def byte_progress(label: str, shown: bool = True) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar of bytes on stderr; yields a function of (bytes done, bytes in all).

    Parameters
    ----------
    label : str
        What is worked on.
    shown : bool
        False yields None; a stderr that is no terminal shows nothing either.
    """
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    console = Console(stderr=True)
    with Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(),
                  TransferSpeedColumn(), TimeRemainingColumn(), console=console, transient=True,
                  disable=not console.is_terminal) as progress:
        # A file name may hold what rich would read as markup.
        task = progress.add_task(Text(label).markup, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


class CountProgress:
    """A bar of counted work on stderr: so many of so many, and the time that remains.

    Parameters
    ----------
    label : str
        What is worked on.
    unit : str
        What is counted, plural.
    shown : bool
        False shows nothing; a stderr that is no terminal shows nothing either.
    """

    def __init__(self, label: str, unit: str, *, shown: bool = True) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.text import Text

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit),
            TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True,
            disable=not (shown and console.is_terminal))
        self._task = self._bar.add_task(Text(label).markup, total=None)

    def __enter__(self) -> "CountProgress":
        self._bar.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._bar.stop()

    def update(self, done: int, total: int) -> None:
        """Show how much is done."""
        self._bar.update(self._task, completed=done, total=total)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Give the line to another bar for a while."""
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    Examples
    --------
    >>> counted(1, "session"), counted(1200, "session")
    ('1 session', '1,200 sessions')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def print_table(title: str, rows: Sequence[tuple[str, ...]],
                headings: Sequence[str] | None = None) -> None:
    """A plain aligned table on stdout.

    Parameters
    ----------
    title : str
    rows : sequence of tuple of str
        All of one length.
    headings : sequence of str, optional
    """
    lines = [tuple(headings), *rows] if headings else list(rows)
    print(title)
    if not lines:
        return
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  " + "  ".join(cell.ljust(width)
                               for cell, width in zip(line, widths, strict=True)).rstrip())

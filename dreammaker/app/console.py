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

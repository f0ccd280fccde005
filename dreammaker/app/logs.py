"""Structured logging: JSON lines in a rotating file, short lines on the console."""

import json
import logging
import logging.handlers
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler

from dreammaker.domain.errors import StoreError
from dreammaker.engine.clock import iso_utc


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the call's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; its ``fields`` attribute is a mapping of JSON values."""
        line: dict[str, object] = {
            "time": iso_utc(int(record.created * 1e9)), "level": record.levelname,
            "logger": record.name, "message": record.getMessage()}
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _ConsoleFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extra = " ".join(f"{key}={value}" for key, value in getattr(record, "fields", {}).items())
        return f"{record.getMessage()} {extra}".rstrip()


class _SessionLog(logging.handlers.RotatingFileHandler):
    """A log that gives up on a disk that refuses: what has to stop a session is its journal."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Nothing: the standard library would print a traceback for every line."""


def set_up_logging(level: str, folder: Path | None, max_file_mb: int, backup_count: int,
                   console: Console) -> list[logging.Handler]:
    """Send the package's log to the console and, with a folder, to its ``dreammaker.log``.

    Returns
    -------
    list of logging.Handler
        For ``tear_down_logging``.
    """
    shown = RichHandler(console=console, show_path=False, markup=False, rich_tracebacks=False)
    shown.setFormatter(_ConsoleFormatter())
    # The console shows what a person has to act on; the file has everything.
    shown.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    handlers: list[logging.Handler] = [shown]
    if folder is not None:
        try:
            file = _SessionLog(folder / "dreammaker.log", maxBytes=max_file_mb << 20,
                               backupCount=backup_count, encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write {folder / 'dreammaker.log'}: {error.strerror}"
                             ) from None
        file.setFormatter(JsonFormatter())
        handlers.append(file)
    logger = logging.getLogger("dreammaker")
    logger.setLevel(level)
    logger.propagate = False
    for handler in handlers:
        logger.addHandler(handler)
    return handlers


def tear_down_logging(handlers: list[logging.Handler]) -> None:
    """Flush, close and remove handlers."""
    logger = logging.getLogger("dreammaker")
    for handler in handlers:
        logger.removeHandler(handler)
        with suppress(OSError):
            handler.close()

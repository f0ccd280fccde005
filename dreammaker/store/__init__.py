"""Everything that is on disk: the event archive and its files."""

from dreammaker.store.eventlog import DayWriter, EventLog, EventStore, exchange_date
from dreammaker.store.quality import QualityReport

__all__ = ["DayWriter", "EventLog", "EventStore", "QualityReport", "exchange_date"]

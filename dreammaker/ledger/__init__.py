"""Our own orders, fills, position and cash: the only copy in the program."""

from dreammaker.ledger.ledger import Ledger
from dreammaker.ledger.position import Booking, DealEntry, Position
from dreammaker.ledger.record import OrderRecord
from dreammaker.ledger.trips import RoundTrips

__all__ = ["Booking", "DealEntry", "Ledger", "OrderRecord", "Position", "RoundTrips"]

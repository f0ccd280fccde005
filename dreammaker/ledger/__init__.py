"""Our own orders, fills, position and cash: the only copy in the program."""

from dreammaker.ledger.ledger import Ledger, OrderRecord
from dreammaker.ledger.position import Position

__all__ = ["Ledger", "OrderRecord", "Position"]

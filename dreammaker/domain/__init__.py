"""What the trade is made of: units, instruments, sessions, the event record, orders, errors."""

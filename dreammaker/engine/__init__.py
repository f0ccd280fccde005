"""The clock, the messages, the ports others implement, and the tick loop."""

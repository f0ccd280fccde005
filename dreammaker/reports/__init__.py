"""Reports a person reads: what a session did, in numbers and pictures."""

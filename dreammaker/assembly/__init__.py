"""Config composed from each package's own, and the wiring of a runnable program."""

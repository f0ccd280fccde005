"""The ``dreammaker`` program."""

"""``python -m dreammaker`` is the same program as ``dreammaker``."""

from dreammaker.app.cli import main

if __name__ == "__main__":
    main()

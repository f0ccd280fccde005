"""Imports every compiled kernel and prints their names as a JSON list."""

import importlib
import json
import pkgutil
import sys

import dreammaker._ext as package


def main() -> None:
    """Import whatever lies compiled in ``dreammaker._ext``."""
    names = sorted(f"{package.__name__}.{module.name}"
                   for module in pkgutil.iter_modules(package.__path__))
    for name in names:
        origin = importlib.import_module(name).__file__ or ""
        if not origin.endswith((".pyd", ".so")):
            sys.exit(f"{name} is {origin}: not a compiled module")
    print(json.dumps(names))


if __name__ == "__main__":
    main()

"""All benchmarks, one after the other: ``python benchmarks``."""

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run every ``bench_*.py`` beside this file with its defaults."""
    sys.path.insert(0, str(HERE))
    for path in sorted(HERE.glob("bench_*.py")):
        sys.argv = [path.name]
        print(f"== {path.name} ==", flush=True)
        runpy.run_path(str(path), run_name="__main__")


if __name__ == "__main__":
    main()

"""The ``dreammaker`` program: one command a module in ``app.commands``."""

import sys
from importlib import import_module

import typer

from dreammaker.domain.errors import DreamMakerError, StoreError

COMMANDS = ("demo", "run", "import_data", "inspect", "features", "hawkes", "label", "lookahead",
            "study", "train", "validate", "tune", "report", "backtest", "replay", "risk", "config")
"""Modules of ``dreammaker.app.commands``; each has ``register(app: typer.Typer) -> None``."""

_INTERRUPTED = "interrupted; what was finished is kept"


def build() -> typer.Typer:
    """The program with all its commands registered, a new one each time."""
    app = typer.Typer(name="dreammaker", no_args_is_help=True, add_completion=False,
                      pretty_exceptions_enable=False)
    for name in COMMANDS:
        import_module(f"dreammaker.app.commands.{name}").register(app)
    return app


def main() -> None:
    """Run the program; an expected error is one sentence on stderr and its exit code."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    try:
        build()()
    except DreamMakerError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except ModuleNotFoundError as error:
        if debug or not (error.name or "").startswith("dreammaker._ext."):
            raise
        print(f"error: the kernel {error.name} is not compiled; run: "
              "python setup.py build_ext --inplace", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(StoreError.exit_code) from None
    except KeyboardInterrupt:
        print(_INTERRUPTED, file=sys.stderr)
        raise SystemExit(130) from None
    except SystemExit as stop:
        # The command line library turns interrupts into this, and says nothing.
        if stop.code == 130:
            print(_INTERRUPTED, file=sys.stderr)
        raise

"""``dreammaker report``: the page of a bundle's validation, a session or a backtest, once more."""

import json
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreammaker.app.research_options import AsJson, ConfigFile, check_out
from dreammaker.app.training import Results, settings_of
from dreammaker.domain.errors import DreamMakerError, StoreError

if TYPE_CHECKING:
    from dreammaker.app.training import Settings
    from dreammaker.research.validation_store import StoredValidation

HELP = """Write a report again from what is stored; nothing is computed anew.

Example: dreammaker report bundles/first --open

TARGET is the folder of a bundle (its last validation is shown), of a session, of a stored
validation, or a stored backtest run (its folder, key, beginning of a key, or name).
"""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("report", help=HELP)(report)


def report(
        target: Annotated[str, typer.Argument(help="Bundle, session, validation or backtest run.")],
        out: Annotated[Path | None, typer.Option(
            help="File to write; left out, beside what it is about.")] = None,
        show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
        config: ConfigFile = None, results: Results = None, as_json: AsJson = False,
) -> None:
    """Find, write, open."""
    if out is not None:
        check_out(out)
    settings = settings_of(config, results)
    folder, write = Path(target), out is not None or show or not as_json
    if (folder / "manifest.json").is_file():
        told, page = _bundle(folder, settings, out, write)
    elif (folder / "session.json").is_file():
        told, page = _session(folder, out, write)
    elif (folder / "validation.json").is_file():
        from dreammaker.research.validation_store import load_validation

        told, page = _validation(load_validation(folder), folder.parent, out, write)
    else:
        told, page = _run(target, settings, out, write)
    if as_json:
        print(json.dumps({**told, "report": page and str(page)}, indent=1, sort_keys=True,
                         allow_nan=False))
    else:
        print(f"report   {page}")
    if show and page is not None and not webbrowser.open(page.resolve().as_uri()):
        raise DreamMakerError(f"no browser could be opened; the report is {page}")


def _bundle(folder: Path, settings: "Settings", out: Path | None, write: bool
            ) -> tuple[dict[str, Any], Path | None]:
    from dreammaker.assembly.model_set import bundle_key
    from dreammaker.models.bundle import ModelBundle
    from dreammaker.research.validation_store import ValidationStore

    bundle = ModelBundle.load(folder, bundle_key(settings.config))
    store = ValidationStore(settings.results)
    return _validation(store.last(bundle.content), store.folder(bundle.content), out, write)


def _validation(found: "StoredValidation", folder: Path, out: Path | None, write: bool
                ) -> tuple[dict[str, Any], Path | None]:
    from dreammaker.app.validating import figures
    from dreammaker.reports.validation import write_validation_report

    page = write_validation_report(found, out or folder / "report.html") if write else None
    try:
        return figures(found.values), page
    except KeyError as error:
        raise StoreError(f"the stored validation has no {error}; run dreammaker validate again"
                         ) from None


def _session(folder: Path, out: Path | None, write: bool) -> tuple[dict[str, Any], Path | None]:
    from dreammaker.reports.session import write_session_report
    from dreammaker.store.session import read_json

    page = write_session_report(folder, out) if write else None
    return {**read_json(folder / "summary.json"), "folder": str(folder)}, page


def _run(target: str, settings: "Settings", out: Path | None, write: bool
         ) -> tuple[dict[str, Any], Path | None]:
    from dreammaker.app.backtest_view import run_values, write_run_report
    from dreammaker.backtest.store import ResultStore

    folder = Path(target)
    store, key = ResultStore(settings.results), target
    if (folder / "result.json").is_file():
        store, key = ResultStore(folder.resolve().parent), folder.resolve().name
    elif folder.is_dir() and not any(run.name == target for run in store.runs()):
        raise StoreError(f"{folder} is the folder of no bundle, session, validation or backtest "
                         "run")
    result, trials, page = write_run_report(store, key, out, write=write)
    return run_values(result, trials, store.folder(result.key), True), page

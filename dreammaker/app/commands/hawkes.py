"""``dreammaker hawkes``: simulate, fit and diagnose Hawkes processes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreammaker.app.console import print_table
from dreammaker.domain.errors import ConfigError, InputError

if TYPE_CHECKING:
    from dreammaker.hawkes import GoodnessOfFit, HawkesParameters
    from dreammaker.hawkes.diagnostics import Model

HELP = """Simulate, fit and diagnose Hawkes processes: on event files and on imported days.

Event files are .npy or .csv: a column of seconds, or two of seconds and marks 0, 1, ...
"""
SIMULATE = """Simulate events and write them to a file.

Example: dreammaker hawkes simulate --mu 0.5 --alpha 0.8 --beta 1.2 --seconds 5000 --seed 1
--out events.npy

Several types: --mu 0.3,0.2 --alpha "0.6,0.2;0.4,0.5" --beta "1.5,1;0.8,2" (rows are excited
types, columns sources). Or --parameters fit.json, as written by fit.
"""
FIT = """Fit a Hawkes process to an event file or to the order flow of an imported day.

Example: dreammaker hawkes fit WINZ26 2026-11-20 --root data --kinds buy,sell --out fit.json

Several types are fitted together unless --one names one of them. With --pieces the base rate
may change at the ends of that many equal parts of the time.
"""
DIAGNOSE = """Test a fit on events: residuals, KS and Ljung-Box tests, a page with the plots.

Example: dreammaker hawkes diagnose events.npy --parameters fit.json --html fit.html
"""

Source = Annotated[str, typer.Argument(help="Event file (.npy, .csv), or symbol in the archive.")]
Day = Annotated[str | None, typer.Argument(help="Day, YYYY-MM-DD, of a symbol.")]
Root = Annotated[Path, typer.Option(help="Archive folder.")]
Kinds = Annotated[str, typer.Option(help="Order flow of a day: buy, sell, limit_bid, limit_ask, "
                                         "cancel_bid, cancel_ask; separated by commas.")]
Ties = Annotated[str, typer.Option(help="Equal times of a day: merge, spread or keep.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
Seconds = Annotated[float | None, typer.Option(
    help="End of the observation; of a file the last event unless given.")]
One = Annotated[str | None, typer.Option(help="Only this type: a kind, or a file's mark.")]
Page = Annotated[Path | None, typer.Option("--html", help="Write a page with the plots.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(help=HELP, no_args_is_help=True)
    group.command("simulate", help=SIMULATE)(simulate)
    group.command("fit", help=FIT)(fit)
    group.command("diagnose", help=DIAGNOSE)(diagnose)
    app.add_typer(group, name="hawkes")


def simulate(
        out: Annotated[Path, typer.Option(help="File to write, .npy or .csv.")],
        seconds: Annotated[float, typer.Option(help="Length of the simulation.")],
        mu: Annotated[str | None, typer.Option(help="Base rates per second.")] = None,
        alpha: Annotated[str | None, typer.Option(help="Jumps per second.")] = None,
        beta: Annotated[str | None, typer.Option(help="Decay rates per second.")] = None,
        p: Annotated[float | None, typer.Option(
            help="Exponent: the kernel is then alpha / (1 + beta t)^p.")] = None,
        parameters: Annotated[Path | None, typer.Option(help="Parameters of a fit.")] = None,
        method: Annotated[str, typer.Option(help="thinning, or exact for one exponential.")]
        = "thinning",
        seed: Seed = 1,
        as_json: AsJson = False,
) -> None:
    """Draw events and write them."""
    import numpy as np

    from dreammaker.hawkes import UnivariateHawkes
    from dreammaker.hawkes.files import check_suffix, write_events

    check_suffix(out)
    model = _model(mu, alpha, beta, p, parameters)
    rng = np.random.default_rng(_seed(seed))
    with _working("simulating", not as_json):
        if isinstance(model, UnivariateHawkes):
            events = [model.simulate(seconds, rng, method=method)]
        else:
            events = model.simulate(seconds, rng)
    times = np.concatenate(events)
    marks = np.repeat(np.arange(len(events)), [len(part) for part in events])
    order = np.argsort(times, kind="stable")
    write_events(out, times[order], marks[order] if len(events) > 1 else None)
    counts = [len(part) for part in events]
    if as_json:
        print(json.dumps({"out": str(out), "seconds": seconds, "seed": seed, "events": counts,
                          "rates": [count / seconds if seconds else None for count in counts]}))
        return
    print_table(f"{sum(counts):,} events in {seconds:g} s", [
        (str(i), f"{count:,}", f"{count / seconds:.6g}" if seconds else "-")
        for i, count in enumerate(counts)], ("type", "events", "per second"))
    print(f"Written to {out}")


def fit(
        source: Source,
        day: Day = None,
        root: Root = Path("data"),
        kinds: Kinds = "buy,sell",
        one: One = None,
        ties: Ties = "merge",
        seconds: Seconds = None,
        kernel: Annotated[str, typer.Option(
            help="exponential, sum_exponential or power_law.")] = "exponential",
        components: Annotated[int, typer.Option(help="Terms of a sum of exponentials.")] = 2,
        shared_decay: Annotated[bool, typer.Option(
            help="Several types: one decay for all pairs, or one for each.")] = True,
        pieces: Annotated[int, typer.Option(
            help="Parts of equal length, each with its own base rate.")] = 1,
        method: Annotated[str, typer.Option(help="mle or em.")] = "mle",
        out: Annotated[Path | None, typer.Option(help="Write the parameters as JSON.")] = None,
        page: Page = None,
        seed: Seed = 1,
        as_json: AsJson = False,
) -> None:
    """Fit and print estimates, standard errors and what the residuals say."""
    from dreammaker.hawkes import save_parameters

    flow = _read(source, day, root, kinds, one, ties, seconds, seed)
    model = _unfitted(flow, kernel, components, shared_decay, pieces)
    with _working("fitting", not as_json):
        fitted = model.fit(flow.events if len(flow.events) > 1 else flow.events[0], flow.seconds,
                           method)
    if out is not None:
        save_parameters(fitted, out)
    _report(flow, fitted, True, page, as_json)


def diagnose(
        source: Source,
        parameters: Annotated[Path, typer.Option(help="Parameters of a fit.")],
        day: Day = None,
        root: Root = Path("data"),
        kinds: Kinds = "buy,sell",
        one: One = None,
        ties: Ties = "merge",
        seconds: Seconds = None,
        page: Page = None,
        seed: Seed = 1,
        as_json: AsJson = False,
) -> None:
    """Print what the residuals of these events say about a fit."""
    import numpy as np

    from dreammaker.hawkes import load_parameters

    fitted = load_parameters(parameters)
    flow = _read(source, day, root, kinds, one, ties, seconds, seed)
    types = len(np.atleast_1d(fitted.mu)) if np.ndim(fitted.alpha) >= 2 else 1
    if types != len(flow.events):
        raise InputError(f"these parameters are of {types} types, the events of "
                         f"{len(flow.events)}", file=parameters)
    _report(flow, fitted, None, page, as_json)


@dataclass(frozen=True, slots=True)
class _Flow:
    title: str
    names: list[str]
    events: list[Any]
    seconds: float
    notes: list[str]


def _read(source: str, day: str | None, root: Path, kinds: str, one: str | None, ties: str,
          seconds: float | None, seed: int) -> _Flow:
    import numpy as np

    notes: list[str] = []
    if day is None:
        from dreammaker.hawkes.files import read_events

        times, marks = read_events(Path(source))
        types = int(marks.max()) + 1 if marks is not None and len(marks) else 1
        names = ["events"] if types == 1 else [str(i) for i in range(types)]
        events = [times] if marks is None else [times[marks == i] for i in range(types)]
        end = float(seconds) if seconds is not None else float(times[-1]) if len(times) else 0.0
        title = Path(source).name
        if seconds is None:
            notes.append("The observation is taken to end with the last event.")
    else:
        from dreammaker.hawkes import order_flow_times
        from dreammaker.store.eventlog import EventLog

        log = EventLog.open(root, source, day)
        wanted = [name.strip() for name in kinds.split(",") if name.strip()]
        if one is not None:
            wanted = [one] if one not in wanted else [name for name in wanted if name == one]
        flow = order_flow_times(log, wanted, ties=ties,
                                rng=np.random.default_rng(_seed(seed)))
        names, events, end = list(flow), list(flow.values()), flow.duration
        if seconds is not None:
            end = min(end, float(seconds))
            events = [part[part <= end] for part in events]
        title = f"{source} {log.day}"
        notes.append(flow.describe()[0].upper() + flow.describe()[1:] + ".")
        one = None
    if one is not None:
        if one not in names:
            raise ConfigError(f"--one must be one of {', '.join(names)}, was {one}")
        events, names = [events[names.index(one)]], [one]
    return _Flow(title, names, events, end, notes)


def _report(flow: _Flow, fitted: "HawkesParameters", fitted_here: bool | None,
            page: Path | None, as_json: bool) -> None:
    from dreammaker.hawkes import goodness_of_fit
    from dreammaker.hawkes.diagnostics import model_of
    from dreammaker.reports.hawkes import hawkes_page, parameter_table

    several = len(flow.events) > 1
    with _working("testing residuals", not as_json):
        report: GoodnessOfFit = goodness_of_fit(
            fitted, flow.events if several else flow.events[0], flow.seconds, names=flow.names,
            fitted_here=fitted_here)
        if page is not None:
            text = hawkes_page(f"Hawkes process: {flow.title}", model_of(fitted), fitted, report,
                               flow.events, flow.seconds, flow.notes)
            page.write_text(text, encoding="utf-8")
    if as_json:
        print(json.dumps({
            "source": flow.title, "types": flow.names, "seconds": flow.seconds,
            "events": [len(part) for part in flow.events], "notes": flow.notes,
            "parameters": fitted.to_dict(), "goodness_of_fit": report.to_dict(),
            "html": None if page is None else str(page)}, allow_nan=False))
        return
    rows, summary = parameter_table(fitted, flow.names)
    counts = ", ".join(f"{len(part):,} {name}" for name, part in
                       zip(flow.names, flow.events, strict=True))
    print_table(f"{flow.title}: {counts} in {flow.seconds:,.1f} s", rows,
                ("parameter", "estimate", "standard error"))
    for name, value in summary.items():
        print(f"  {name}: {value}")
    for note in (*fitted.notes, *([fitted.standard_error_note] if fitted.standard_error_note
                                  else []), *flow.notes):
        print(f"  note: {note}")
    print(report.describe())
    if page is not None:
        print(f"Written to {page}")


def _unfitted(flow: _Flow, kernel: str, components: int, shared_decay: bool,
              pieces: int) -> "Model":
    """The model that `fit` was asked for, without parameters or with those of a start."""
    import numpy as np

    from dreammaker.hawkes import (
        MultivariateHawkes,
        MultivariateKernelHawkes,
        PiecewiseConstantBaseline,
        UnivariateHawkes,
    )
    from dreammaker.hawkes.events import check_duration

    if not 1 <= pieces <= 1000:
        raise ConfigError(f"--pieces must be 1 to 1000, was {pieces}")
    check_duration(flow.seconds)
    knots = None if pieces == 1 else np.linspace(0.0, flow.seconds, pieces + 1)
    d = len(flow.events)
    if d == 1:
        return UnivariateHawkes(kernel, components=components, baseline=None if knots is None
                                else PiecewiseConstantBaseline(knots))
    if kernel != "exponential" or knots is not None:
        return MultivariateKernelHawkes(kernel, knots=knots, components=components)
    rates = np.array([max(len(part), 1) for part in flow.events]) / flow.seconds
    beta = 2.0 * float(rates.mean())
    return MultivariateHawkes(0.5 * rates, np.full((d, d), 0.5 * beta / d),
                              beta if shared_decay else np.full((d, d), beta))


def _model(mu: str | None, alpha: str | None, beta: str | None, p: float | None,
           parameters: Path | None) -> "Model":
    import numpy as np

    from dreammaker.hawkes import (
        ExponentialKernel,
        MultivariateHawkes,
        PowerLawKernel,
        SumExponentialKernel,
        UnivariateHawkes,
        load_parameters,
    )
    from dreammaker.hawkes.diagnostics import model_of

    if parameters is not None:
        if (mu, alpha, beta, p) != (None, None, None, None):
            raise ConfigError("give --parameters, or --mu, --alpha and --beta, not both")
        return model_of(load_parameters(parameters))
    if mu is None or alpha is None or beta is None:
        raise ConfigError("give --mu, --alpha and --beta, or --parameters")
    base, jumps, decays = (_numbers(name, text) for name, text in
                           (("mu", mu), ("alpha", alpha), ("beta", beta)))
    if len(base) == 1 and len(base[0]) > 1:
        if p is not None:
            raise ConfigError("--p is for one type of events")
        one = len(decays) == 1 and len(decays[0]) == 1
        return MultivariateHawkes(base[0], np.array(jumps), decays[0][0] if one
                                  else np.array(decays))
    if any(len(rows) > 1 for rows in (base, jumps, decays)):
        raise ConfigError("one base rate is one type of events: --mu, --alpha and --beta must "
                          "then be one row each")
    if p is not None:
        return UnivariateHawkes(PowerLawKernel(jumps[0][0], decays[0][0], p), mu=base[0][0])
    if len(jumps[0]) > 1:
        return UnivariateHawkes(SumExponentialKernel(jumps[0], decays[0]), mu=base[0][0])
    return UnivariateHawkes(ExponentialKernel(jumps[0][0], decays[0][0]), mu=base[0][0])


def _numbers(name: str, text: str) -> list[list[float]]:
    try:
        rows = [[float(cell) for cell in row.split(",")] for row in text.split(";")]
    except ValueError:
        raise ConfigError(f"--{name} must be numbers separated by commas, rows by semicolons, was "
                          f"{text!r}") from None
    if len({len(row) for row in rows}) != 1:
        raise ConfigError(f"--{name} must have rows of one length, was {text!r}")
    return rows


def _seed(seed: int) -> int:
    if seed < 0:
        raise ConfigError(f"--seed must be 0 or more, was {seed}")
    return seed


@contextmanager
def _working(what: str, shown: bool) -> Iterator[None]:
    if not shown:
        yield
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield

"""``dreammaker backtest calibrate-queue``: queue models beside the truth."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreammaker.app.console import byte_progress, print_table
from dreammaker.domain.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from dreammaker.exchange.queue_calibration import Estimate, ModelScore, PowerFit
    from dreammaker.exchange.queue_probes import Outcomes, QueueModel
    from dreammaker.store.eventlog import EventLog

HELP = """Measure how well each queue model predicts fills where the truth is known.

Example: dreammaker backtest calibrate-queue ESH4 --root data --orders 20000

Orders of one lot are placed at the touch, at random moments and at the back of the queue. In
truth one fills when the single orders before it are gone and executions reach it, or the price
trades through; the models see sizes of levels and prints alone. The power models' exponents are
fitted on the first half of the orders, all scores are of the second half. What counts as a fill
is said in docs/fills.md.

With --session, the resting orders of a past session and their real fills are taken instead.
"""

ALWAYS = ("risk_averse", "log", "log_2")


def register(group: typer.Typer) -> None:
    """Add the command to its group."""
    group.command("calibrate-queue", help=HELP)(calibrate_queue)


@dataclass(frozen=True, slots=True)
class _Asked:
    orders: int
    lots: int
    seed: int
    horizons_s: tuple[float, ...]
    poll_ms: float
    rlp: bool


@dataclass(frozen=True, slots=True)
class _Found:
    title: str
    days: list[str]
    fits: "list[PowerFit]"
    models: "list[QueueModel]"
    outcomes: "Outcomes"
    scores: "list[ModelScore]"
    best: int
    gain: "Estimate"


def calibrate_queue(
        symbols: Annotated[list[str] | None, typer.Argument(
            help="Symbols in the archive, order by order; each gets its own table.")] = None,
        day: Annotated[str | None, typer.Option(
            help="Only this day, YYYY-MM-DD; all days of the archive unless given.")] = None,
        root: Annotated[Path, typer.Option(help="Archive folder.")] = Path("data"),
        session: Annotated[Path | None, typer.Option(
            help="A session folder: its own orders and fills.")] = None,
        orders: Annotated[int, typer.Option(help="Orders to place a day.")] = 20_000,
        lots: Annotated[int, typer.Option(help="Size of each.")] = 1,
        horizons: Annotated[str, typer.Option(help="Seconds, separated by commas.")] = "1,10,60",
        poll_ms: Annotated[float, typer.Option(
            help="Show levels to the models at this interval only, as polled depth does.")] = 0.0,
        rlp: Annotated[bool, typer.Option(
            "--rlp", help="Let prints move the queue by no more than the level decreased.")]
        = False,
        seed: Annotated[int, typer.Option(help="Of everything random.")] = 1,
        as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Place orders, follow them, fit, score and print."""
    asked = _checked(orders, lots, seed, horizons, poll_ms, rlp)
    if (session is None) == (not symbols):
        raise ConfigError("name the symbols to calibrate on, or a folder with --session")
    if session is not None:
        found = [_session(session, root if root != Path("data") else None, asked, not as_json)]
    else:
        found = [_symbol(symbol, day, root, asked, not as_json) for symbol in symbols or []]
    if as_json:
        print(json.dumps([_as_json(result, asked) for result in found], allow_nan=False))
        return
    for result in found:
        _show(result, asked)


def _checked(orders: int, lots: int, seed: int, horizons: str, poll_ms: float,
             rlp: bool) -> _Asked:
    for name, value, least, most in (("orders", orders, 2, 10_000_000), ("lots", lots, 1, 10**6),
                                     ("seed", seed, 0, 2**63 - 1),
                                     ("poll-ms", poll_ms, 0, 60_000)):
        if not least <= value <= most:
            raise ConfigError(f"--{name} must be in {least}..{most}, was {value:g}")
    try:
        seconds = tuple(float(part) for part in horizons.split(","))
    except ValueError:
        seconds = ()
    if not seconds or list(seconds) != sorted(set(seconds)) or not (
            seconds[0] > 0 and seconds[-1] <= 86_400):
        raise ConfigError("--horizons must be ascending seconds above 0 and at most a day, "
                          f"separated by commas, was {horizons!r}")
    return _Asked(orders, lots, seed, seconds, poll_ms, rlp)


def _symbol(symbol: str, day: str | None, root: Path, asked: _Asked, shown: bool) -> _Found:
    import numpy as np

    from dreammaker.exchange.queue_probes import Outcomes, place_probes, run_probes
    from dreammaker.store.eventlog import EventStore

    store = EventStore(root)
    days = [entry.isoformat() for entry in store.days(symbol)] if day is None else [day]
    if not days:
        raise StoreError(f"{root} holds no days of {symbol}; it holds "
                         + (", ".join(store.symbols()) or "no symbols"))

    def follow_day(log: "EventLog", models: "Sequence[QueueModel]",
                   progress: Callable[[int, int], None] | None) -> "Outcomes":
        # The same seed places the same orders in every pass.
        rng = np.random.default_rng([asked.seed, log.day.toordinal()])
        probes = place_probes(log, asked.orders, asked.horizons_s[-1], rng, asked.lots)
        return run_probes(log, probes, models, poll_ms=asked.poll_ms, progress=progress)

    def follow(models: "Sequence[QueueModel]") -> "Outcomes":
        parts = []
        for entry in days:
            log = store.open(symbol, entry)
            with byte_progress(f"{symbol} {entry}", shown=shown) as update:
                parts.append(follow_day(log, models, None if update is None
                                        else _in_bytes(update, log.events.itemsize)))
        return Outcomes.joined(parts)

    return _calibrate(symbol, days, follow, asked)


def _session(folder: Path, root: Path | None, asked: _Asked, shown: bool) -> _Found:
    from dreammaker.exchange.queue_probes import run_probes
    from dreammaker.exchange.queue_sessions import read_session

    log, probes, own_shown = read_session(folder, root)

    def follow(models: "Sequence[QueueModel]") -> "Outcomes":
        with byte_progress(str(folder), shown=shown) as update:
            return run_probes(log, probes, models, poll_ms=asked.poll_ms, own_shown=own_shown,
                              progress=None if update is None
                              else _in_bytes(update, log.events.itemsize))

    return _calibrate(f"{folder.name} ({log.instrument.symbol})", [log.day.isoformat()], follow,
                      asked)


def _in_bytes(update: Callable[[int, int], None], size: int) -> Callable[[int, int], None]:
    return lambda done, total: update(done * size, total * size)


def _calibrate(title: str, days: list[str], follow: "Callable[[Sequence[QueueModel]], Outcomes]",
               asked: _Asked) -> _Found:
    import numpy as np

    from dreammaker.exchange.queue import QUEUE_NAMES, Prints
    from dreammaker.exchange.queue_calibration import fit_powers, relative_loss, score
    from dreammaker.exchange.queue_probes import QueueModel

    prints = Prints.CONFIRMED if asked.rlp else Prints.FULL
    fits = fit_powers(follow, asked.horizons_s, prints)
    fitted = {fit.name: fit.n for fit in fits}
    models = [QueueModel(name, fitted.get(name, 1.0), prints) for name in QUEUE_NAMES
              if name in fitted or name in ALWAYS]
    models.append(QueueModel("risk_averse", prints=prints, at_front=True))
    outcomes = follow(models)
    scores = score(outcomes, models, asked.horizons_s, np.random.default_rng(asked.seed))
    best = min(range(len(scores) - 1), key=lambda i: scores[i].loss_first)
    gain = relative_loss(outcomes, best, 0, asked.horizons_s, np.random.default_rng(asked.seed))
    return _Found(title, days, fits, models, outcomes, scores, best, gain)


def _show(found: _Found, asked: _Asked) -> None:
    outcomes, scores = found.outcomes, found.scores
    span = found.days[0] if len(found.days) == 1 else f"{found.days[0]} to {found.days[-1]}"
    print(f"{found.title} {span}: {len(outcomes):,} orders, {outcomes.not_placed:,} not placed; "
          f"scores of the second half, {math.ceil(len(outcomes) / 2):,} orders")
    for index, horizon in enumerate(asked.horizons_s):
        rows = []
        for result in scores:
            at = result.horizons[index]
            rows.append((result.model.label, _share(at.predicted_share), _share(at.difference),
                         _share(at.false_share), _share(at.missed_share),
                         _plain(at.brier), _plain(at.log_loss)))
        true = _share(scores[0].horizons[index].true_share)
        print_table(f"Filled within {horizon:g} s: {true} % in truth", rows,
                    ("model", "predicted %", "less true", "false %", "missed %", "Brier",
                     "log loss"))
    print_table(
        "Predicted less true fill time, s, where both fill",
        [(result.model.label, f"{result.both_filled:,}", _plain(result.time_bias_s),
          _plain(result.time_mae_s), *(f"{value:.4f}" for value in result.time_quantiles_s))
         for result in scores],
        ("model", "orders", "mean", "mean abs.", "5 %", "50 %", "95 %"))
    best = scores[found.best]
    print(f"Least Brier score on the first half: {best.model.label}, {best.loss_first:.5f}; on the "
          f"second {best.loss_second:.5f}, against risk_averse {_plain(found.gain, 5)}")
    if outcomes.out_of_turn:
        print(f"{outcomes.out_of_turn:,} executions were out of turn; "
              f"{outcomes.corrected:,} packets showed less than stood ahead")


def _share(estimate: "Estimate") -> str:
    return f"{100 * estimate.value:.2f} ± {100 * estimate.error:.2f}"


def _plain(estimate: "Estimate", digits: int = 4) -> str:
    return f"{estimate.value:.{digits}f} ± {estimate.error:.{digits}f}"


def _as_json(found: _Found, asked: _Asked) -> dict[str, Any]:
    outcomes = found.outcomes
    result: dict[str, Any] = _clean({
        "source": found.title, "days": found.days, "seed": asked.seed, "lots": asked.lots,
        "poll_ms": asked.poll_ms, "rlp": asked.rlp, "orders": len(outcomes),
        "not_placed": outcomes.not_placed, "out_of_turn": outcomes.out_of_turn,
        "corrected": outcomes.corrected, "best": found.models[found.best].label,
        "best_less_risk_averse": asdict(found.gain),
        "fits": [{"model": fit.name, "n": fit.n, "curve": [list(point) for point in fit.curve]}
                 for fit in found.fits],
        "models": [{"label": each.model.label, **asdict(each)} for each in found.scores]})
    return result


def _clean(value: Any) -> Any:
    # JSON has no NaN.
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _clean(entry) for key, entry in value.items()}
    return [_clean(entry) for entry in value] if isinstance(value, list | tuple) else value

"""The page of a Hawkes fit: estimates, intensity with the events, QQ of the residuals."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.hawkes import GoodnessOfFit, HawkesParameters, UnivariateHawkes
from dreammaker.hawkes.diagnostics import Model
from dreammaker.reports.page import Section, page, table

Floats = NDArray[np.float64]

COLOURS = ("#1f5fa8", "#c4541a", "#2d7d46", "#7a4fa3", "#8a6d1a", "#a33b6b", "#3a8a8a", "#555555")
BINS, SAMPLES_A_BIN = 240, 6
ZOOM_EVENTS, ZOOM_POINTS = 150, 1500


def hawkes_page(title: str, model: Model,
                parameters: HawkesParameters | None, report: GoodnessOfFit,
                events: Sequence[Floats], T: float, notes: Sequence[str] = ()) -> str:
    """A self-contained page about one model on one set of events.

    Parameters
    ----------
    title : str
    model : UnivariateHawkes, MultivariateHawkes or MultivariateKernelHawkes
    parameters : HawkesParameters, optional
        Of the fit, where there was one.
    report : GoodnessOfFit
        Its components name the types of events.
    events : sequence of d arrays of float64
        Rising seconds.
    T : float
        Seconds.
    notes : sequence of str
        Sentences on how the events were made.

    Returns
    -------
    str
        HTML with its figures' script inside.
    """
    names = [part.name for part in report.components]
    sections = [Section("What the residuals say", _words(report, notes))]
    if parameters is not None:
        sections.append(Section("Estimates", _estimates(parameters, names)))
    sections += [
        Section("Intensity and events, the whole time",
                _whole(model, events, T, names, first=True)),
        Section("Intensity and events, where they are densest", _zoom(model, events, T, names)),
        Section("Residuals against the exponential law", _quantiles(report)),
    ]
    return page(title, sections)


def _words(report: GoodnessOfFit, notes: Sequence[str]) -> str:
    lines = report.describe().split("\n")
    body = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    return body + "".join(f'<p class="note">{html.escape(note)}</p>' for note in notes)


def _estimates(fit: HawkesParameters, names: Sequence[str]) -> str:
    rows = [("kernel", html.escape(fit.kernel_name.replace("_", " "))),
            ("method", html.escape(f"{fit.method}, {fit.iterations} iterations")),
            ("log-likelihood", f"{fit.log_likelihood:,.3f}"),
            ("events, seconds", f"{fit.event_count:,} in {fit.duration:,.1f}"),
            ("spectral radius" if np.ndim(fit.alpha) >= 2 else "branching ratio",
             _with_error(fit.branching_ratio, fit.standard_errors.get("branching_ratio")))]
    for name, value in fit.estimates.items():
        error = fit.standard_errors.get(name)
        array = np.asarray(value, np.float64)
        errors = np.full(array.shape, np.nan) if error is None else np.broadcast_to(
            np.asarray(error, np.float64), array.shape)
        for index in np.ndindex(array.shape):
            rows.append((_label(name, index, names), _with_error(array[index], errors[index])))
    body = table(rows) + f'<p class="note">{html.escape(fit.message)}</p>'
    remarks = [*fit.notes, *([fit.standard_error_note] if fit.standard_error_note else [])]
    return body + "".join(f'<p class="note">{html.escape(note)}</p>' for note in remarks)


def _label(name: str, index: tuple[int, ...], names: Sequence[str]) -> str:
    if name == "mu" and len(index) == 2:
        return f"mu, {names[index[0]]}, piece {index[1] + 1}"
    if len(index) >= 2:
        term = f" {index[2] + 1}" if len(index) == 3 else ""
        return f"{name}{term}, {names[index[0]]} excited by {names[index[1]]}"
    if len(index) == 1:
        return f"{name}, {names[index[0]]}" if len(names) > index[0] and len(names) > 1 else (
            f"{name} {index[0] + 1}")
    return name


def _with_error(value: ArrayLike, error: object) -> str:
    number = float(np.asarray(value))
    spread = float(np.asarray(error, np.float64)) if error is not None else np.nan
    return f"{number:.5g}" + (f" &plusmn; {spread:.2g}" if np.isfinite(spread) else "")


def _rates(model: Model, events: Sequence[Floats],
           at: Floats) -> Floats:
    if isinstance(model, UnivariateHawkes):
        return np.asarray(model.intensity(at, events[0]))[:, None]
    return model.intensity(at, list(events))


def _whole(model: Model, events: Sequence[Floats], T: float,
           names: Sequence[str], *, first: bool) -> str:
    from plotly.graph_objects import Figure

    edges = np.linspace(0.0, T, BINS + 1)
    width = T / BINS
    samples = (edges[:-1, None] + width * (np.arange(SAMPLES_A_BIN) + 0.5) / SAMPLES_A_BIN).ravel()
    rates = _rates(model, events, samples).reshape(BINS, SAMPLES_A_BIN, -1).mean(axis=1)
    middles = ((edges[:-1] + edges[1:]) / 2).tolist()
    figure = Figure()
    for i, (name, times) in enumerate(zip(names, events, strict=True)):
        colour = COLOURS[i % len(COLOURS)]
        seen = np.histogram(times, edges)[0] / width
        figure.add_scatter(x=middles, y=seen.tolist(), name=f"{name}: events per second",
                           mode="lines", line={"color": colour, "width": 1, "dash": "dot"})
        figure.add_scatter(x=middles, y=rates[:, i].tolist(), name=f"{name}: intensity",
                           mode="lines", line={"color": colour, "width": 2})
    return _html(figure, f"seconds, in {BINS} bins", "per second", first=first)


def _zoom(model: Model, events: Sequence[Floats], T: float,
          names: Sequence[str]) -> str:
    from plotly.graph_objects import Figure

    together = np.sort(np.concatenate(list(events)))
    span = min(ZOOM_EVENTS, len(together))
    if span < 2:
        return "<p>There are too few events to look closer.</p>"
    lengths = together[span - 1:] - together[:len(together) - span + 1]
    begin = int(np.argmin(lengths))
    low, high = float(together[begin]), float(together[begin + span - 1])
    room = max(0.05 * (high - low), 1e-9 * T)
    low, high = max(0.0, low - room), min(T, high + room)
    figure = Figure()
    grid = np.linspace(low, high, ZOOM_POINTS)
    shown = [times[(times >= low) & (times <= high)] for times in events]
    # Just before, at and just after each event, so that jumps stand upright.
    around = np.concatenate([grid, *shown, *[np.nextafter(times, np.inf) for times in shown]])
    at = np.unique(np.clip(around, low, high))
    rates = _rates(model, events, at)
    floor = -0.04 * float(rates.max())
    for i, (name, times) in enumerate(zip(names, shown, strict=True)):
        colour = COLOURS[i % len(COLOURS)]
        figure.add_scatter(x=at.tolist(), y=rates[:, i].tolist(), name=f"{name}: intensity",
                           mode="lines", line={"color": colour, "width": 1.5})
        figure.add_scatter(x=times.tolist(), y=[floor * (i + 1)] * len(times),
                           name=f"{name}: events", mode="markers",
                           marker={"color": colour, "symbol": "line-ns-open", "size": 9})
    return _html(figure, "seconds", "per second")


def _quantiles(report: GoodnessOfFit) -> str:
    from plotly.graph_objects import Figure

    figure, top = Figure(), 1.0
    for i, part in enumerate(report.components):
        theory, observed = part.quantiles
        if not theory:
            continue
        top = max(top, max(theory), max(observed))
        figure.add_scatter(x=list(theory), y=list(observed), name=part.name, mode="markers",
                           marker={"color": COLOURS[i % len(COLOURS)], "size": 5})
    figure.add_scatter(x=[0.0, top], y=[0.0, top], name="the model's law", mode="lines",
                       line={"color": "#888888", "width": 1})
    return _html(figure, "quantiles of Exp(1)", "quantiles of the residuals")


def _html(figure: object, x: str, y: str, *, first: bool = False) -> str:
    from plotly.graph_objects import Figure

    assert isinstance(figure, Figure)
    figure.update_xaxes(title_text=x)
    figure.update_yaxes(title_text=y)
    figure.update_layout(height=420, margin={"l": 70, "r": 20, "t": 20, "b": 50},
                         template="plotly_white", legend={"orientation": "h", "y": 1.08})
    # The script goes into the page once, with the first figure.
    return str(figure.to_html(full_html=False, include_plotlyjs=first,
                              config={"displaylogo": False}))


def parameter_table(fit: HawkesParameters,
                    names: Sequence[str]) -> tuple[list[tuple[str, str, str]], Mapping[str, str]]:
    """Rows (name, estimate, standard error) and a summary, as plain text for a terminal."""
    rows = []
    for name, value in fit.estimates.items():
        array = np.asarray(value, np.float64)
        error = fit.standard_errors.get(name)
        errors = np.full(array.shape, np.nan) if error is None else np.broadcast_to(
            np.asarray(error, np.float64), array.shape)
        for index in np.ndindex(array.shape):
            rows.append((_label(name, index, names), f"{array[index]:.6g}",
                         f"{errors[index]:.2g}" if np.isfinite(errors[index]) else "-"))
    ratio = "spectral radius" if np.ndim(fit.alpha) >= 2 else "branching ratio"
    error = fit.standard_errors.get("branching_ratio")
    shown = float(np.asarray(error)) if error is not None else np.nan
    rows.append((ratio, f"{fit.branching_ratio:.6g}", f"{shown:.2g}" if np.isfinite(shown)
                 else "-"))
    summary = {"log-likelihood": f"{fit.log_likelihood:.3f}", "iterations": str(fit.iterations),
               "converged": "yes" if fit.converged else "no", "why": fit.message}
    return rows, summary

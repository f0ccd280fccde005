"""A self-contained HTML page: no network, no script but the figures' own."""

import html
from dataclasses import dataclass

_STYLE = """
body { font: 15px/1.5 system-ui, "Segoe UI", sans-serif; color: #1f1f1f; margin: 0 auto;
       max-width: 1080px; padding: 24px; }
h1 { font-size: 24px; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 32px 0 8px; border-bottom: 1px solid #ddd; padding-bottom: 4px; }
table { border-collapse: collapse; }
td { padding: 3px 24px 3px 0; vertical-align: top; overflow-wrap: anywhere; }
td + td { text-align: right; font-variant-numeric: tabular-nums; }
.loss { color: #b3261e; }
.note { color: #666; font-size: 13px; }
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page.

    Parameters
    ----------
    title : str
        Plain text.
    body : str
        HTML.
    """

    title: str
    body: str


def money(micros: int, currency: str) -> str:
    """An amount in millionths as HTML, losses marked.

    Examples
    --------
    >>> money(1_250_000, "BRL")
    'BRL 1.25'
    """
    text = f"{html.escape(currency)} {micros / 1e6:,.2f}"
    return f'<span class="loss">{text}</span>' if micros < 0 else text


def table(rows: list[tuple[str, str]]) -> str:
    """Two columns: names as text, values as HTML."""
    cells = "".join(f"<tr><td>{html.escape(name)}</td><td>{value}</td></tr>"
                    for name, value in rows)
    return f"<table>{cells}</table>"


def page(title: str, sections: list[Section]) -> str:
    """A whole page."""
    body = "".join(f"<h2>{html.escape(part.title)}</h2>{part.body}" for part in sections)
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>"
            f"<body><h1>{html.escape(title)}</h1>{body}</body></html>\n")

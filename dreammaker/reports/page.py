"""A self-contained HTML page: no network, no script but the figures' own."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dreammaker.domain.errors import StoreError
from dreammaker.store.files import discard, temporary_beside

_STYLE = """
body { font: 15px/1.5 system-ui, "Segoe UI", sans-serif; color: #1f1f1f; margin: 0 auto;
       max-width: 1080px; padding: 24px; }
h1 { font-size: 24px; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 32px 0 8px; border-bottom: 1px solid #ddd; padding-bottom: 4px; }
table { border-collapse: collapse; }
td { padding: 3px 24px 3px 0; vertical-align: top; overflow-wrap: anywhere; }
td + td { text-align: right; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; margin-top: 10px; }
.wide table { white-space: nowrap; }
.wide td, .wide th { padding: 3px 16px 3px 0; overflow-wrap: normal; }
th { text-align: right; font-weight: 600; vertical-align: bottom; border-bottom: 1px solid #ddd; }
th:first-child { text-align: left; }
dl { margin: 12px 0 0; display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; }
dt { font-weight: 600; }
dd { margin: 0; }
h3 { font-size: 15px; margin: 16px 0 4px; }
.pair { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr));
        gap: 8px 16px; }
.pair > div { min-width: 0; }
.verdict { font-size: 20px; font-weight: 600; margin: 8px 0; }
.means { display: inline-block; white-space: normal; width: 460px; }
.loss { color: #b3261e; }
.note { color: #666; font-size: 13px; }
@media (max-width: 640px) {
  body { padding: 12px; }
  td { padding-right: 12px; }
  dl { grid-template-columns: 1fr; }
  dd { margin: 0 0 6px; }
  .means { width: 170px; }
  td + td { min-width: 76px; }
  .wide td, .wide th { padding-right: 10px; min-width: 0; }
  .wide th { white-space: normal; }
  .wide td:first-child, .wide th:first-child {
    position: sticky; left: 0; background: #fff; white-space: normal; min-width: 98px; }
}
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


def wide_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Several columns under headings, scrolled where the page is narrow.

    Parameters
    ----------
    headings : sequence of str
        Plain text.
    rows : sequence of sequence of str
        HTML.
    """
    head = "".join(f"<th>{html.escape(name)}</th>" for name in headings)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def definitions(entries: Sequence[tuple[str, str]]) -> str:
    """Terms with what they mean, both plain text."""
    items = "".join(f"<dt>{html.escape(term)}</dt><dd>{html.escape(text)}</dd>"
                    for term, text in entries)
    return f"<dl>{items}</dl>"


def page(title: str, sections: list[Section]) -> str:
    """A whole page."""
    body = "".join(f"<h2>{html.escape(part.title)}</h2>{part.body}" for part in sections)
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>"
            f"<body><h1>{html.escape(title)}</h1>{body}</body></html>\n")


def write_page(path: Path, text: str) -> Path:
    """Put a page in its place, whole or not at all; its folder is made.

    Raises
    ------
    StoreError
        If the disk refuses; a page that was there stays.
    """
    part = temporary_beside(path)
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None
    finally:
        discard(part)
    return path

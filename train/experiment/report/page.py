"""The report as one HTML page that opens from disk, without scripts and without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from train.experiment.report.entries import Entry
from train.experiment.report.published import DATASET_TITLES
from train.experiment.report.remarks import remarks
from train.experiment.report.table import MISSING, TABLE_HEADER, commands_of, explanation, table_rows

CSS = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 76rem; margin: 2rem auto;
       padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 3rem; border-bottom: 1px solid #bbb; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
thead th { border-bottom: 2px solid #444; }
tr.ours > * { border-top: 1px solid #ccc; font-weight: 600; }
figure { margin: 1.5rem 0; }
img { max-width: 100%; height: auto; }
figcaption { color: #444; font-size: .9rem; }
pre { overflow-x: auto; background: #f3f3f3; padding: .8rem; font-size: .8rem; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A picture of the page: the file in the page's folder, what it shows and, for those who cannot see it, in words.

    `dataset` is None for a figure that belongs to no data set in particular.
    """

    path: Path
    dataset: str | None
    caption: str
    alt: str


def page_html(entries: dict[str, list[Entry]], figures: Sequence[Figure], notes: Sequence[str]) -> str:
    """The whole page: a section per data set, then the figures of no data set and what is not shown, and why."""
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>The paper's experiment and ours</title>\n<style>{CSS}</style>\n</head>\n<body>",
        "<h1>The paper's experiment and ours</h1>",
        *(f"<p>{escape(line)}</p>" for line in explanation()),
    ]
    for dataset, group in entries.items():
        parts.append(f'<h2 id="{dataset}">{escape(DATASET_TITLES[dataset])}</h2>')
        parts += [_table(group), _list(remarks(group)), _commands(group)]
        parts += [_figure(figure) for figure in figures if figure.dataset == dataset]
    general = [_figure(figure) for figure in figures if figure.dataset is None]
    parts += ["<h2>Augmentation, feature maps, soft mask</h2>", *general] if general else []
    parts += ["<h2>Not shown</h2>", _list(notes)] if notes else []
    return "\n".join(part for part in parts if part) + "\n</body>\n</html>\n"


def _table(entries: list[Entry]) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in TABLE_HEADER)
    lines = []
    for title, kind, *cells in table_rows(entries):
        row = f'<th scope="row">{escape(title)}</th>' if title else "<td></td>"
        row += "".join(f"<td>{escape(cell)}</td>" for cell in (kind, *cells))
        lines.append(f'<tr class="{kind}">{row}</tr>')
    body = "\n".join(lines)
    return f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def _list(lines: Sequence[str]) -> str:
    return "<ul>\n" + "\n".join(f"<li>{escape(line)}</li>" for line in lines) + "\n</ul>" if lines else ""


def _commands(entries: list[Entry]) -> str:
    commands = [escape(command) for command in commands_of(entries)]
    return f"<p>{MISSING}:</p>\n<pre>" + "\n".join(commands) + "</pre>" if commands else ""


def _figure(figure: Figure) -> str:
    name = escape(figure.path.name, quote=True)
    return (
        f'<figure><img src="{name}" alt="{escape(figure.alt, quote=True)}" loading="lazy">'
        f"<figcaption>{escape(figure.caption)}</figcaption></figure>"
    )

"""Pieces of an HTML page that needs no other file: whatever text goes into them is escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from gas_fusion_ros.report.figure_style import UNKNOWN_COLOUR
from gas_fusion_ros.report.pictures import Picture

_CSS = """
:root { --text: #24292f; --faint: #57606a; --page: #ffffff; --band: #f6f8fa; --rule: #d0d7de;
  --good: #00734f; --warn: #8a5a00; --bad: #b23a00; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --faint: #9da7b1; --page: #0d1117; --band: #161b22; --rule: #3d444d;
    --good: #3fc79a; --warn: #e6a93b; --bad: #ff8a5c; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
a { color: inherit; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.4rem; margin: 3.5rem 0 1rem; padding-bottom: .3rem; border-bottom: 2px solid var(--rule);
  overflow-wrap: anywhere; }
h3 { font-size: 1.15rem; margin: 2.25rem 0 .6rem; }
p { max-width: 48rem; margin: .6rem 0; overflow-wrap: anywhere; }
.verdict { font-size: 1.15rem; max-width: 56rem; margin: 1rem 0; padding: .75rem 1rem;
  background: var(--band); border-left: .4rem solid var(--rule); border-radius: 4px; }
.good { border-color: var(--good); } .warn { border-color: var(--warn); } .bad { border-color: var(--bad); }
.mark { font-weight: 600; }
.named { white-space: nowrap; }
.chip { display: inline-block; width: .75em; height: .75em; margin-right: .45em;
  border: 1px solid var(--rule); border-radius: 2px; }
.good .mark, .mark.good { color: var(--good); } .warn .mark, .mark.warn { color: var(--warn); }
.bad .mark, .mark.bad { color: var(--bad); }
.losses { margin: 1.25rem 0; padding: .25rem 1rem .5rem; border: 1px solid var(--warn);
  border-left-width: .4rem; border-radius: 4px; }
.losses h3 { margin: .6rem 0; }
dl.key { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem;
  margin: 1.25rem 0; }
dl.key div { padding: .6rem .8rem; background: var(--band); border-radius: 6px; display: flex;
  flex-direction: column-reverse; justify-content: flex-end; }
dl.key dt { font-size: .8125rem; color: var(--faint); }
dl.key dd { margin: 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; margin: .75rem 0 1.25rem; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
th, td { padding: .35rem .75rem .35rem .4rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--rule); }
thead th { background: var(--band); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 500; }
td.prose { color: var(--faint); min-width: 14rem; max-width: 40rem; }
td.code, th.code { font-family: ui-monospace, monospace; font-size: .8125rem; overflow-wrap: anywhere;
  min-width: 12rem; }
.pair { display: flex; flex-wrap: wrap; gap: 0 2.5rem; align-items: flex-start; }
.pair > * { min-width: 0; max-width: 100%; }
figure { margin: 1rem 0 1.25rem; break-inside: avoid; }
figure img { display: block; max-width: 100%; height: auto; background: #ffffff; border-radius: 6px; }
figure.line img { width: 100%; min-width: 46rem; }
figure.chart { max-width: 30rem; } figure.chart img { width: 100%; }
figcaption { font-size: .875rem; color: var(--faint); margin-top: .4rem; max-width: 48rem; }
.frames { display: grid; gap: 0 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(21.4rem, 100%), 1fr)); }
.frames figure { margin: .5rem 0; }
.frames strong { color: var(--text); }
details { margin: .5rem 0 1rem; } summary { cursor: pointer; font-size: .875rem; }
@media (max-width: 30rem) { body { padding: .75rem; } th, td { padding: .3rem .45rem .3rem .25rem; } }
@media print {
  :root { --text: #000; --faint: #444; --page: #fff; --band: #f3f3f3; --rule: #bbb; }
  body { max-width: none; padding: 0; font-size: 11pt; }
  figure.line img { min-width: 0; }
  .wide { overflow: visible; }
  tr, .losses, .verdict { break-inside: avoid; }
  section { break-before: page; } h2, h3 { break-after: avoid; }
  figure.chart { max-width: 11cm; }
}
"""


class Html(str):
    """Text that is HTML already, and must not be escaped again."""

    __slots__ = ()


Content = str
"""Text, which is escaped, or `Html`."""


def element(tag: str, *content: Content, **attributes: str) -> Html:
    """Return an element with its content and attributes; `class_` stands for the attribute `class`."""
    given = "".join(f' {name.rstrip("_")}="{escape(value)}"' for name, value in attributes.items())
    return Html(f"<{tag}{given}>{joined(content)}</{tag}>")


def joined(content: Iterable[Content]) -> Html:
    """Return pieces one after the other, each escaped where it is not HTML yet."""
    return Html("".join(piece if isinstance(piece, Html) else escape(piece) for piece in content))


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Content]]) -> Html:
    """Return a table that scrolls where it is wider than the page.

    Args:
        caption: what it shows; none where it is empty.
        columns: the headings; each row's first cell is a heading too.
        rows: cells; one that `cell` or `element` made stands as it is.
    """
    head = element("tr", *(element("th", column, scope="col") for column in columns))
    body = [element("tr", element("th", row[0], scope="row"), *map(_as_cell, row[1:])) for row in rows]
    parts = [element("caption", caption)] if caption else []
    whole = element("table", *parts, element("thead", head), element("tbody", *body))
    return element("div", whole, class_="wide", tabindex="0")


def cell(content: Content, kind: str) -> Html:
    """Return a table's cell of a kind: `prose` for sentences, `code` for what is copied."""
    return element("td", content, class_=kind)


def _as_cell(content: Content) -> Html:
    if isinstance(content, Html) and content.startswith("<td"):
        return content
    return element("td", content)


def figure(picture: Picture, caption: Content, kind: str = "chart") -> Html:
    """Return a picture, held in the page itself, with its caption.

    Args:
        picture: what to show.
        caption: stands below.
        kind: `line` for one as wide as the page, which scrolls on a phone, `chart` for a small one,
            `frame` for one in its own size.
    """
    data = base64.b64encode(picture.png).decode("ascii")
    image = Html(f'<img alt="{escape(picture.alt)}" src="data:image/png;base64,{data}">')
    scrolling = element("div", image, class_="wide", tabindex="0") if kind == "line" else image
    return element("figure", scrolling, element("figcaption", caption), class_=kind)


def mark(text: str, kind: str) -> Html:
    """Return a word that stands out: `good`, `warn` or `bad`."""
    return element("span", text, class_=f"mark {kind}")


def named(name: str, colours: Mapping[str, str]) -> Html:
    """Return the name of a class after a spot of its colour, as the pictures have it."""
    spot = element("span", "", class_="chip", style=f"background:{colours.get(name, UNKNOWN_COLOUR)}")
    return element("span", spot, name, class_="named")


def page(title: str, *content: Content) -> str:
    """Return the whole page."""
    head = joined(
        (
            Html('<meta charset="utf-8">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html('<meta name="color-scheme" content="light dark">'),
            element("title", title),
            Html(f"<style>{_CSS}</style>"),
        )
    )
    whole = element("html", element("head", head), element("body", *content), lang="en")
    return f"<!DOCTYPE html>\n{whole}\n"

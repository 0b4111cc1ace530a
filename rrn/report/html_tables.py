"""Write text and tables of the page as HTML, whatever is in the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from rrn.common.printable import printable

LONGEST = 4_000  # characters of one text


@dataclass(frozen=True)
class Line:
    """A row of a table."""

    cells: Sequence[str]  # texts, of one line or more
    data: dict[str, str] = field(default_factory=dict)  # by which the page filters: game, method, seed
    last: str | None = None  # one more cell, as HTML
    first: bool = False  # of several rows that belong together


def text(value: object) -> str:
    """Return a text as HTML, in an element or in the quotes of an attribute."""
    return escape("\n".join(printable(line, LONGEST) for line in str(value).split("\n")))


def markup_free(name: str) -> str:
    """Return a name for a chart, in whose texts plotly reads <b> as bold and %{x} as a value."""
    return escape(printable(name), quote=False).replace("%{", "% {")


def attributes(**data: str) -> str:
    """Return attributes data-... of an element, with a space before each."""
    return "".join(f' data-{key}="{text(value)}"' for key, value in data.items())


def table(heads: Sequence[str], lines: Sequence[Line], kind: str = "") -> str:
    """Write a table; on a narrow screen each row is a block, with the head before each cell."""
    head = "".join(f"<th>{text(name)}</th>" for name in heads)
    body = "".join(_line(heads, line) for line in lines)
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _line(heads: Sequence[str], line: Line) -> str:
    contents = [text(cell).replace("\n", "<br>") for cell in line.cells]
    if line.last is not None:
        contents.append(line.last)
    cells = [
        f'<td data-head="{text(head)}"><div>{content}</div></td>' for head, content in zip(heads, contents, strict=True)
    ]
    first = ' class="first"' if line.first else ""
    return f"<tr{attributes(**line.data)}{first}>{''.join(cells)}</tr>"

"""HTML for results in a notebook such as Jupyter, which shows what `_repr_html_` and `_repr_png_` return."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape


def html_table(heads: Sequence[str], *rows: Sequence[str]) -> str:
    """Make a table with these column heads, aligned to the left."""
    left = ' style="text-align: left"'
    lines = ["".join(f"<th{left}>{escape(head)}</th>" for head in heads)]
    lines += ["".join(f"<td{left}>{escape(cell)}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def html_text(text: str) -> str:
    """Make a paragraph that keeps the line breaks of a printed text."""
    return f"<pre>{escape(text)}</pre>"


def html_picture(data: bytes, kind: str) -> str:
    """Make a picture, or a video, of the content of a file.

    Args:
        data: content of the file.
        kind: its media type: image/png, image/gif or video/mp4.
    """
    source = f'src="data:{kind};base64,{base64.b64encode(data).decode("ascii")}"'
    return f"<video controls loop {source}></video>" if kind.startswith("video") else f"<img {source}>"

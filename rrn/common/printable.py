"""Make text printable that came from somewhere else, such as names of folders and files of other people's runs."""

from __future__ import annotations

LONGEST = 1_000  # characters of one text


def printable(text: object, longest: int = LONGEST) -> str:
    r"""Return a text in one line: what no terminal prints becomes an escape such as \x1b, and a long text is cut.

    Escape sequences of a terminal, which could hide or forge lines, letters that change the direction of writing, and
    bytes of names that are no text stay visible.
    """
    short = str(text)[: longest + 1]
    short = short if len(short) <= longest else f"{short[:longest]}.."
    if short.isprintable():
        return short
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in short)


def printable_lines(text: object) -> str:
    """Make each line of a text printable, such as the sentences of an error."""
    return "\n".join(printable(line, 10 * LONGEST) for line in str(text).split("\n"))

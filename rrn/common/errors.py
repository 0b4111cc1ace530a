"""The one error that is the user's to mend: a sentence, no traceback, exit code 2."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection


class UserError(Exception):
    """What was expected, what came and what to do, in one sentence."""


def first_line(error: BaseException) -> str:
    """Of what an error says, or its type if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def nearest(word: str, known: Collection[str], otherwise: str | None = None) -> str:
    """A sentence with the known name that a word was meant to be; without one, `otherwise`, or all that are known."""
    by_folded = {re.sub(r"[-_ ]", "", name).lower(): name for name in known}
    found = difflib.get_close_matches(re.sub(r"[-_ ]", "", str(word)).lower(), by_folded, 1, 0.6)
    if found:
        return f"Did you mean {by_folded[found[0]]}?"
    return f"Choose one of {', '.join(sorted(known))}." if otherwise is None else otherwise

"""Report a user's mistake: a sentence, no traceback, exit code 2."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection


class UserError(Exception):
    """A user's mistake. The message is one sentence: what was expected, what came and what to do."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type if it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def nearest(word: str, known: Collection[str], otherwise: str | None = None) -> str:
    """Suggest the known name nearest to a word in a sentence; without one, return `otherwise` or list all names."""
    by_folded = {re.sub(r"[-_ ]", "", name).lower(): name for name in known}
    matches = difflib.get_close_matches(re.sub(r"[-_ ]", "", str(word)).lower(), by_folded, 1, 0.6)
    if matches:
        return f"Did you mean {by_folded[matches[0]]}?"
    return f"Choose one of {', '.join(sorted(known))}." if otherwise is None else otherwise

"""Write output.log: what one of several runs prints, and the traceback of the error that ended it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rrn.common.errors import UserError


@contextmanager
def output_log(path: Path) -> Iterator[None]:
    """Append all output of this process, that of compiled code too, to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [(number, os.dup(number)) for number in (1, 2)]
    with open(path, "ab") as file:
        for number, _ in saved:
            os.dup2(file.fileno(), number)
    try:
        yield
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise
    except Exception:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in saved:
            os.dup2(copy, number)
            os.close(copy)

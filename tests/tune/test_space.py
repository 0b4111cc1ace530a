"""The settings that a search draws: their kinds and scales, and a sentence for each mistake."""

from __future__ import annotations

import pytest

from rrn.common.errors import UserError
from rrn.config.compose import hydra_ready
from rrn.tune.space import Space, read_space

FIXED = ["env=CartPole", "agent=dqn", "act=relu"]


def space(*words: str) -> Space:
    with hydra_ready():
        return read_space([*FIXED, *words])


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("agent.learning_rate=interval(1e-4,1e-2)", "0.0001 to 0.01 (log scale)"),
        ("agent.learning_rate=tag(linear,interval(1e-4,1e-2))", "0.0001 to 0.01 (linear scale)"),
        ("agent.gamma=interval(0.9,0.999)", "0.9 to 0.999 (linear scale)"),
        ("agent.gamma=tag(log,interval(0.5,0.999))", "0.5 to 0.999 (log scale)"),
        ("agent.gamma=interval(0,1)", "0 to 1 (linear scale)"),
        ("agent.batch_size=interval(8,256)", "8 to 256 (whole numbers, log scale)"),
        ("agent.n_step=range(1,6)", "1 to 5 (whole numbers, linear scale)"),
        ("agent.gamma=range(0.5,1.0,0.25)", "0.5 to 0.75 in steps of 0.25 (linear scale)"),
        ("act=relu,rational", "relu, rational"),
        ("agent.double=true,false", None),  # set by the choice of agent=
        ("agent.dueling=choice(true,false)", "true, false"),
        ("agent=glob(*dqn)", "ddqn, dqn, sb3_dqn"),
    ],
)
def test_a_setting_is_drawn_as_its_word_says(word, text):
    if text is None:
        with pytest.raises(UserError, match="it is set by the choice of agent="):
            space(word)
        return
    fixed = [other for other in FIXED if other.partition("=")[0] != word.partition("=")[0]]
    with hydra_ready():
        found = read_space([*fixed, word])
    assert [str(each) for each in found.dimensions] == [f"{word.partition('=')[0]}: {text}"]
    assert list(found.fixed) == fixed


def test_a_trial_is_a_command_line():
    found = space("agent.learning_rate=interval(1e-4,1e-2)", "agent.batch_size=interval(8,64)")
    words = found.words({"agent.learning_rate": 0.00123456, "agent.batch_size": 12})
    assert words == [*FIXED, "agent.learning_rate=0.001235", "agent.batch_size=12"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to search: expected a setting such as 'agent.learning_rate=interval(1e-4,1e-2)'"),
        (["agent.learning_rate=interval(1,0)"], "with a lower number first"),
        (["agent.gamma=tag(log,interval(0,1))"], "expected numbers above 0 for a logarithmic scale"),
        (["agent.gamma=tag(cube,interval(0,1))"], "or tag(linear,interval(LOW,HIGH))"),
        (["agent.gamma=interval(0.9,1.5)"], "agent.gamma: expected a number from 0 to 1, got 1.5."),
        (["agent.batch_size=interval(0,10)"], "agent.batch_size: expected a number from 1 to"),
        (["agent.gama=interval(0,1)"], "agent.gama: no such setting. Did you mean agent.gamma?"),
        (["act=relu,rationl"], "act=rationl: no such act. Did you mean rational?"),
        (["agent.n_step=range(1,2)"], "expected two values to search at least"),
        (["seed=0,1"], "seeds=3 trains each trial with three seeds"),
    ],
)
def test_mistakes_are_sentences(words, message):
    with pytest.raises(UserError) as error:
        space(*words)
    assert message in str(error.value)


def test_a_range_without_an_end_is_refused():
    for word in ("agent.n_step=range(1,6,0)", "agent.n_step=shuffle(range(1,6,0))"):
        with pytest.raises(UserError, match="a step other than 0"):
            space(word)

"""The authors' score files become one table of curves, and nothing in such a file is ever run."""

from __future__ import annotations

import builtins
import codecs
import csv
import gzip
import os
import pickle
import struct
from collections import defaultdict

import numpy as np
import pytest
from helpers.paths import SHARED

from rrn.common.errors import UserError
from rrn.reference import read_curves
from rrn.reference.__main__ import main
from rrn.reference.import_scores import ACTIVATIONS, ALGORITHMS, MAIN, import_scores, write_table
from rrn.reference.safe_pickle import read_numbers

DATA = SHARED / "reference/paper_curves.csv.gz"
FOURS = [(-21.0, -20.0, np.float64(-20.75), 12), (-21.0, 3.0, np.float64(-9.123456), 7)]


class Call:
    """A pickle that calls a function with these arguments when the ordinary reader opens it."""

    def __init__(self, function, *arguments):
        self.parts = function, arguments

    def __reduce__(self):
        return self.parts


def named(module: str, name: str, protocol: int = 4) -> bytes:
    """A pickle that calls module.name on the word `mark`."""
    if protocol < 4:
        return f"c{module}\n{name}\n(S'mark'\ntR.".encode()
    words = b"".join(b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name))
    return b"\x80\x04" + words + b"\x93\x8c\x04mark\x85R."


def hostile() -> dict[str, bytes]:
    mark = "open('mark', 'w')"
    objects = np.array([Call(os.system, "touch mark"), 1], object)
    return {
        "os.system": pickle.dumps(Call(os.system, "touch mark")),
        "eval": pickle.dumps(Call(builtins.eval, mark)),
        "exec, protocol 0": pickle.dumps(Call(builtins.exec, mark), 0),
        "open": pickle.dumps(Call(builtins.open, "mark", "w")),
        "getattr": pickle.dumps(Call(getattr, "", "join")),
        "import": pickle.dumps(Call(builtins.__import__, "os")),
        "function alone": pickle.dumps([os.system]),
        "deep inside": pickle.dumps([FOURS[0], {"scores": [(1, {"more": [Call(os.system, "touch mark")]})]}]),
        "as a key": pickle.dumps({Call(os.system, "touch mark"): 1}),
        "object array": pickle.dumps(objects),
        "object array in an object array": pickle.dumps(np.array([objects, None], object)),
        "array of functions": pickle.dumps(np.array([len, print], object)),
        "numpy.load": named("numpy", "load"),
        "numpy.fromfile": named("numpy", "fromfile", 0),
        "numpy.save": named("numpy", "save"),
        "numpy.frompyfunc": named("numpy", "frompyfunc"),
        "numpy.testing": named("numpy.testing._private.utils", "runstring"),
        "numpy.f2py": named("numpy.f2py.diagnose", "run_command"),
        "numpy.dtype.__class__": named("numpy", "dtype.__class__"),
        "numpy.core.os": named("numpy", "core.os.system"),
        "through codecs": named("_codecs", "lookup"),
        "another encoding": pickle.dumps(Call(codecs.encode, "mark", "rot13")),
        "stand-in as a value": b"\x80\x04\x8c\x05numpy\x8c\x07ndarray\x93.",
        "array of stand-ins": pickle.dumps(np.array([np.dtype("f8")], object)),
        "array with fields": pickle.dumps(np.zeros(2, [("a", "f8"), ("b", "O")])),
        "persistent": b"\x80\x04\x8c\x04markQ.",
        "extension": b"\x80\x04\x82\x01.",
        "set": pickle.dumps({1, 2}),
        "text array": pickle.dumps(np.array(["a", "b"])),
    }


@pytest.mark.parametrize("attack", hostile())
def test_a_hostile_file_is_refused_and_runs_nothing(attack, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "repo/scores/dqn_pong"
    folder.mkdir(parents=True)
    bad = folder / "DQN_scoresPongDeterministic-v4_seed0_lrelu.pkl"
    bad.write_bytes(hostile()[attack])
    with pytest.raises(UserError, match=r"expected a pickle of numbers"):
        read_numbers(bad)
    with pytest.raises(SystemExit) as end:
        main(["import", "repo"])
    error = capsys.readouterr().err
    assert end.value.code == 2
    assert error.startswith("error: repo: expected the authors' score files in scores/, found none to read; ")
    assert "seed0_lrelu.pkl: expected a pickle of numbers; " in error
    assert len(error.splitlines()) == 1
    assert os.listdir() == ["repo"]


def test_the_attacks_work_on_the_ordinary_reader(tmp_path, monkeypatch):
    """So that the test above is one: some of them, read by pickle itself, leave their mark."""
    monkeypatch.chdir(tmp_path)
    for attack in ("os.system", "eval", "exec, protocol 0", "open", "deep inside", "object array in an object array"):
        pickle.loads(hostile()[attack])
        assert (tmp_path / "mark").exists(), attack
        (tmp_path / "mark").unlink()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("numpy", ["numpy._core", "numpy.core"])
def test_numbers_come_out_as_they_went_in(tmp_path, protocol, numpy):
    """By NumPy 2 and, with the other name of its module, by NumPy 1; written by all protocols of pickle."""
    grid = np.arange(6.0).reshape(2, 3)
    values = [
        *(1, 2.5, -3, True, None, "word", b"bytes", (1, [2]), {"a": (1, None)}, 10**30),
        *(np.float64(1.5), np.float32(0.5), np.int64(-3), np.bool_(True), np.array(2.0), np.arange(3, dtype=">i4")),
        *(grid, np.asfortranarray(grid), np.zeros((0, 3)), np.array([(1, 2), "a", grid[0, 1]], object), FOURS),
    ]
    shared = [1, 2]
    path = tmp_path / "values.pkl"
    data = pickle.dumps([*values, shared, shared], protocol)
    current = np.array([0]).__reduce__()[0].__module__.removesuffix(".multiarray").encode()
    if numpy.encode() != current and protocol < 4:  # lines of text, without lengths
        data = data.replace(current, numpy.encode())
    elif numpy.encode() != current:
        data = _rename(data, current.decode(), numpy)
    path.write_bytes(data)
    found = read_numbers(path)
    wanted = [value.tolist() if isinstance(value, np.ndarray | np.generic) else value for value in values]
    assert found == [*wanted, shared, shared]
    assert [type(value) for value in found[:10]] == [type(value) for value in values[:10]]
    assert type(found[10]) is float
    assert type(found[20][0][2]) is float


def _rename(data: bytes, old: str, new: str) -> bytes:
    """The pickle with another name for a module; frames and words say their length."""
    for end in ("multiarray", "numeric"):
        before, after = (f"{name}.{end}".encode() for name in (old, new))
        data = data.replace(b"\x8c" + bytes([len(before)]) + before, b"\x8c" + bytes([len(after)]) + after)
    start = data.index(b"\x95") + 1
    return data[:start] + struct.pack("<Q", len(data) - start - 8) + data[start + 8 :]


@pytest.mark.parametrize("length", [0, 1, 10, 57, -1])
def test_a_damaged_file_is_refused(tmp_path, length):
    path = tmp_path / "cut.pkl"
    path.write_bytes(pickle.dumps([np.arange(9.0), 1])[:length])
    with pytest.raises(UserError, match="expected a pickle of numbers"):
        read_numbers(path)


def test_small_files_that_grow_without_end_do_no_harm(tmp_path):
    """A list of ten times the same list, a hundred deep; a list in itself; an array that claims to be huge."""
    deep = []
    for _ in range(100):
        deep = [deep] * 10
    itself = []
    itself.append(itself)
    huge = pickle.dumps(np.zeros(3), 2).replace(b"K\x03\x85", b"J\xff\xff\xff\x7f\x85")
    path = tmp_path / "bomb.pkl"
    path.write_bytes(pickle.dumps(deep))
    assert isinstance(read_numbers(path), list)
    for data in (pickle.dumps(itself), huge):
        path.write_bytes(data)
        with pytest.raises(UserError, match="expected a pickle of numbers"):
            read_numbers(path)


def store(folder, name, values):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.pkl"
    path.write_bytes(pickle.dumps(values, 3))
    return path


def test_each_form_of_a_file_is_understood(tmp_path):
    pong = "scoresPongDeterministic-v4_seed"
    folder = tmp_path / "scores/dqn_pong"
    games = [3.0, 1.0, 2.0, 9.0]
    store(folder, f"DQN_{pong}0_paus", [((1.0, 3.0, 2.0, 3), games), ([1.0, 9.0, 3.75, 4], np.array(games))])
    store(folder, f"DQN_{pong}1_paus", [[3.0, 1.0, 2.0], np.array([1.0, 2.0]), [5.0] * 11])
    store(folder, f"DDQN_{pong}10_lrelu", np.array(FOURS))
    store(folder, f"Rainbow_{pong}0_recrat", FOURS)
    store(folder, f"Random_{pong}2", (-21.0, -18.0, np.float64(-20.1), 64))
    runs, left_out = import_scores(tmp_path)
    assert left_out == []
    assert runs == {
        ("Pong", "dqn", "rational", 0): [(1, 3, 2, 2, 3), (1, 9, 3.75, 2.5, 4)],
        ("Pong", "dqn", "rational", 1): [(1, 3, 2, 2, 3), (1, 2, 1.5, 1.5, 2), (5, 5, 5, 5, 11)],
        ("Pong", "ddqn", "lrelu", 10): [(-21, -20, -20.75, None, 12), (-21, 3, -9.123456, None, 7)],
        ("Pong", "rainbow", "recurrent_rational", 0): [(-21, -20, -20.75, None, 12), (-21, 3, -9.123456, None, 7)],
        ("Pong", "random", "random", 2): [(-21, -18, -20.1, None, 64)],
    }
    assert import_scores(tmp_path / "scores")[0] == runs
    write_table(runs, tmp_path / "curves.csv")
    assert (tmp_path / "curves.csv").read_text().splitlines() == [
        "game,algorithm,activation,seed,epoch,min,max,mean,median,episodes",
        "Pong,random,random,2,0,-21,-18,-20.1,,64",
        "Pong,dqn,rational,0,0,1,3,2,2,3",
        "Pong,dqn,rational,0,1,1,9,3.75,2.5,4",
        "Pong,dqn,rational,1,0,1,3,2,2,3",
        "Pong,dqn,rational,1,1,1,2,1.5,1.5,2",
        "Pong,dqn,rational,1,2,5,5,5,5,11",
        "Pong,ddqn,lrelu,10,0,-21,-20,-20.75,,12",
        "Pong,ddqn,lrelu,10,1,-21,3,-9.1235,,7",
        "Pong,rainbow,recurrent_rational,0,0,-21,-20,-20.75,,12",
        "Pong,rainbow,recurrent_rational,0,1,-21,3,-9.1235,,7",
    ]
    assert len(read_curves(tmp_path / "curves.csv")) == len(runs)


def test_what_is_left_out_is_listed_with_the_reason(tmp_path, capsys):
    pong, folder = "scoresPongDeterministic-v4_seed", tmp_path / "scores/dqn_pong"
    store(folder, f"DQN_{pong}0_lrelu", FOURS)
    store(folder / "copy", f"DQN_{pong}0_lrelu", FOURS)  # no matter
    store(folder / "older", f"DQN_{pong}0_lrelu", FOURS[:1])
    for name in (f"DQN_{pong}0_r3r", f"DQN_{pong}0_lrelu_short", f"DDQN_{pong}0_paus", "shorts/" + f"DQN_{pong}7_paus"):
        store(folder / name.rpartition("/")[0], name.rpartition("/")[2], FOURS)
    store(folder, "trained_paus_Pong_0", FOURS)
    store(folder, "DQN_scoresZaxxonDeterministic-v4_seed0_lrelu", FOURS)
    wrong = [
        *([], {}, None, 3.0, "scores", [[]], [3.0], [None], [(3, 1, 2, 9)], [(1, 3, 2, 0)], [(1, 3, 2, 1.5)]),
        *([(1, float("nan"), 2, 9)], [(1, 10**400, 2, 9)], [(1, 3, 2, float("inf"))], [[True, False]]),
        [((1, 3, 2), [1, 2])],
    ]
    for number, values in enumerate(wrong):
        store(folder, f"DQN_{pong}{number}_rpau", values)
    store(folder, f"DQN_{pong}0_silu", Call(os.system, "touch mark"))
    main(["import", str(tmp_path), "--out", str(tmp_path / "out.csv.gz")])
    printed = capsys.readouterr().out
    first, _, rest = printed.partition("\n")
    assert first == f"{tmp_path / 'out.csv.gz'}: 2 evaluations of 1 runs"
    groups = {}
    for line in rest.splitlines():
        if line.startswith("left out, "):
            groups[line] = []
        else:
            groups[next(reversed(groups))].append(line.strip())
    assert {line.removeprefix("left out, ").rstrip(":"): len(paths) for line, paths in groups.items()} == {
        "its name is not that of a score file (1)": 1,
        "a game outside the paper (1)": 1,
        "a run outside the paper's comparison (4)": 4,
        "other numbers than in another file of the same run, which was taken (1)": 1,
        "expected for each evaluation lowest, highest and mean score and games, or all scores, or both (16)": 16,
        "expected a pickle of numbers; refused: it names 'posix.system', which could run code (1)": 1,
    }
    assert not list(tmp_path.rglob("mark"))


@pytest.mark.skipif(not DATA.is_file(), reason="the authors' curves are not here")
@pytest.mark.parametrize("game", ["Breakout", "Pong", "Tennis"])
def test_the_authors_table_is_written_to_the_letter(tmp_path, game):
    """Their rows as files in their layout, and back: runs with and without medians, all kinds of agents and names."""
    text = gzip.decompress(DATA.read_bytes()).decode().splitlines()
    wanted = [text[0], *(line for line in text if line.startswith(f"{game},"))]
    rows = defaultdict(list)
    for row in csv.DictReader(wanted):
        rows[row["algorithm"], row["activation"], row["seed"]].append(row)
    for (algorithm, activation, seed), evaluations in rows.items():
        names = [name for name, ours in ACTIVATIONS.items() if ours == activation]
        tail = f"_{names[-1 if algorithm == 'rainbow' else 0]}" if names[0] else ""
        begin = next(name for name, ours in ALGORITHMS.items() if ours == algorithm)
        fours = [
            (*(np.float64(row[name]) for name in ("min", "max", "mean")), int(row["episodes"])) for row in evaluations
        ]
        values = [
            (four, [float(row["median"])] * four[3]) if row["median"] else four
            for four, row in zip(fours, evaluations, strict=True)
        ]
        file = f"{begin}_scores{game}Deterministic-v4_seed{seed}{tail}"
        store(tmp_path / f"scores/dqn_{game.lower()}", file, values[0] if algorithm == "random" else values)
    runs, left_out = import_scores(tmp_path)
    assert left_out == []
    assert write_table(runs, tmp_path / "out.csv.gz") == len(wanted) - 1
    assert gzip.decompress((tmp_path / "out.csv.gz").read_bytes()).decode().splitlines() == wanted


def test_every_name_of_the_comparison_has_a_file_name():
    assert set().union(*MAIN.values()) == set(ACTIVATIONS.values())
    assert MAIN.keys() == set(ALGORITHMS.values())


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path, capsys):
    store(tmp_path / "scores", "DQN_scoresPongDeterministic-v4_seed0_lrelu", FOURS)
    with pytest.raises(SystemExit):
        main(["import", str(tmp_path), "--out", str(tmp_path / "none/out.csv")])
    assert "No such file or directory; give another place with --out." in capsys.readouterr().err

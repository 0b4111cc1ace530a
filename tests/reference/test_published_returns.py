"""The returns that others publish, docs/runs/gymnasium/published.csv."""

import csv
import re
from pathlib import Path

FILE = Path(__file__).parents[2] / "docs/runs/gymnasium/published.csv"


def test_each_published_return_has_an_environment_with_a_version_numbers_and_a_source_with_a_commit():
    rows = list(csv.DictReader(line for line in FILE.read_text().splitlines() if not line.startswith("#")))
    assert rows
    for row in rows:
        assert re.fullmatch(r"[A-Za-z0-9]+-v\d", row["environment"]), row
        assert row["agent"] in ("ppo", "dqn"), row
        assert re.fullmatch(r"[\w-]+/[\w-]+ [\w/.-]+ [0-9a-f]{7}", row["source"]), row
        assert -1000 < float(row["score"]) < 10_000, row
        assert 0 <= float(row["sd"]) < 1000, row
        assert int(row["steps"]) >= 1000, row
        assert int(row["seeds"]) >= 1, row
    keys = [(row["environment"], row["agent"], row["implementation"]) for row in rows]
    assert len(keys) == len(set(keys))

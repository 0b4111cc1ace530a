"""What the documents name is there: files, links, and for users of rational_activations our names and the tests."""

from __future__ import annotations

import re
from pathlib import Path

from helpers.paths import ROOT

import rrn

ROWS = re.findall(r"^\| (.*) \| (.*) \| `(.*)` \|$", (ROOT / "docs/rational_activations.md").read_text("utf-8"), re.M)


def test_each_row_names_a_test_that_is_there():
    assert len(ROWS) == 42
    for _, _, test in ROWS:
        file, name = test.split("::")
        (path,) = (ROOT / "tests").rglob(file)
        assert f"def {name}(" in path.read_text("utf-8"), test


def test_each_of_our_names_is_there():
    names = {name for _, ours, _ in ROWS for name in re.findall(r"`rrn\.([A-Za-z_]+)[(`]", ours)}
    assert names >= {"Rational", "RecurrentRational", "replace_activations", "animate", "plot", "fit"}
    assert all(hasattr(rrn, name) for name in names)


PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/api/*.md")]
CODE = [path for folder in ("rrn", "scripts", "tests", "conf", "csrc") for path in (ROOT / folder).rglob("*.*")]
FOLDERS, ENDS = "rrn|scripts|conf|csrc|tests|docs", "py|yaml|csv|h|cu|cpp|sh|md|png"
NAMED = re.compile(rf"(?<![\w./-])((?:{FOLDERS})/[\w./-]*\w\.(?:{ENDS}))\b")
MADE = ("docs/pong_ppo", "docs/curves", "conf/act/mish.yaml")  # by scripts and readers, as an example


def test_links_between_pages_lead_somewhere():
    links = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))]
    assert len(links) > 40
    assert not [(page.name, link) for page, link in links if "://" not in link and not (page.parent / link).exists()]


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """Of the headings of a page, as code hosts and the site make them: lower case, hyphens, no punctuation."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_to_sections_find_their_heading():
    links = [(page, *link) for page in PAGES for link in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", prose(page))]
    assert len(links) > 5
    missing = [
        f"{page.name}: {name}#{anchor}"
        for page, name, anchor in links
        if "://" not in name and anchor not in anchors(page.parent / name if name else page)
    ]
    assert not missing


def test_each_page_is_listed_in_the_index():
    text = (ROOT / "docs/index.md").read_text("utf-8")
    assert not [page.name for page in ROOT.glob("docs/*.md") if page.stem != "index" and f"]({page.name})" not in text]


def test_lines_of_prose_are_short():
    lines = [(page.name, line) for page in PAGES for line in prose(page).splitlines()]
    assert not [(name, line) for name, line in lines if len(line) > 120 and not line.startswith(("|", "    "))]


def test_files_that_are_named_in_a_text_are_there():
    texts = [*PAGES, *(path for path in CODE if path.suffix in (".py", ".yaml", ".h", ".cu", ".cpp"))]
    named = {(path.name, name) for path in texts for name in NAMED.findall(path.read_text("utf-8"))}
    assert len(named) > 100
    there = {name for _, name in named if (ROOT / name).exists() or "NAME" in name or name.startswith(MADE)}
    assert not sorted((text, name) for text, name in named if name not in there)

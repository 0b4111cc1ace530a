"""Configuration of the documentation site, which Sphinx builds from the pages of this folder.

python -m sphinx -W --keep-going docs build/site
"""

import os
import re
from pathlib import Path

from sphinx.pycode import ModuleAnalyzer

import rrn

os.environ.setdefault("KERAS_BACKEND", "torch")  # which rrn.keras is imported with

HERE = Path(__file__).parent
NAVIGATION = {  # caption: title and page
    "Use it": {
        "Installation": "installation",
        "Tutorial": "tutorial",
        "Guide": "guide",
        "From Python": "python",
        "How do I ...": "how_do_i",
        "Activations": "activations",
        "Frameworks": "frameworks",
        "NumPy": "numpy",
        "MXNet": "mxnet",
        "JAX": "jax",
        "Keras": "keras",
        "Agents": "agents",
        "Networks": "networks",
        "Environments": "environments",
        "Continual supervised tasks": "tasks",
        "More than one machine": "machines",
        "Weights & Biases, MLflow": "trackers",
        "Classes of your own": "own_classes",
        "API": "api/index",
    },
    "Check it": {
        "Reproduce the paper": "reproduce",
        "Details": "details",
        "Reliability": "reliability",
        "Plasticity": "plasticity",
        "Performance": "performance",
        "From rational_activations": "rational_activations",
    },
    "Results": {
        "MinAtar": "results",
        "Images": "images",
        "CartPole": "cartpole",
        "LunarLander, Acrobot, HalfCheetah": "gymnasium",
        "Plasticity on random labels": "plasticity_study",
        "Plasticity on MNIST": "plasticity_mnist",
        "Plasticity in reinforcement learning": "plasticity_rl",
        "Atari-100k": "atari100k",
        "Pong": "pong",
        "Pong, earlier beginnings": "pong_beginning",
        "Pong, other screens": "pong_area",
        "Pong with PPO": "pong_ppo",
    },
}

project = "rrn"
author = copyright = "the rrn authors"
release = version = rrn.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"
exclude_patterns = ["runs"]

# Pages: Markdown that also reads well on a code host, whose anchors are the same
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"rrn {release}"
html_extra_path = ["report.html"]
html_static_path, html_css_files = ["site.css"], ["site.css"]
html_show_copyright = html_show_sphinx = False
highlight_language = "none"  # of blocks that name no language: commands and tables
pygments_style, pygments_dark_style = "friendly", "monokai"

# API: from the docstrings; `name` in a docstring is a link where there is such a name, and code elsewhere
default_role = "py:obj"
autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "exclude-members": "get_extra_state, set_extra_state",
}
autodoc_inherit_docstrings = False  # those of torch
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"


def add_navigation(app, page, source):
    """Give the front page the tree of pages, which would be noise on a code host."""
    if page == root_doc:
        for caption, pages in NAVIGATION.items():
            lines = [f"{title} <{name}>" for title, name in pages.items() if (HERE / f"{name}.md").exists()]
            source[0] += "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *lines, "```", ""])


read_source = ModuleAnalyzer.get_module_source


def with_comments_of_fields(module):
    """Read the source of a module so that the comment behind a field of a dataclass describes it (`#:` to Sphinx)."""
    path, source = read_source(module)
    lines = source.splitlines(keepends=True) if source else []
    for number, line in enumerate(lines):
        if field := re.match(r"(    \w+: [^#]*\S)  # (.*\n)", line):
            comment = field[2].replace(": ", " \u2013 ")  # napoleon takes what is before a colon for a type
            lines[number] = f"{field[1]}  #: {comment}"
    return path, "".join(lines) or source


ModuleAnalyzer.get_module_source = staticmethod(with_comments_of_fields)


def plain_text(app, what, name, obj, options, lines):
    """Keep |x|, [N, *frame_shape] and N. of a docstring, which mean something else in reStructuredText."""
    for number, line in enumerate(lines):
        text = re.split(r"(`[^`]+`)", line)  # code is at odd places
        text[::2] = [re.sub(r"\[[^]]*\*\w[^]]*\]", r"``\g<0>``", part).replace("|", r"\|") for part in text[::2]]
        lines[number] = re.sub(r"^( +\w+: )([A-Z]\.)$", r"\1\\\2", "".join(text))


def setup(app):
    app.connect("source-read", add_navigation)
    app.connect("autodoc-process-docstring", plain_text, priority=400)  # before napoleon

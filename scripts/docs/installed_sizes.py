"""Print what each extra of rrn adds to an installation: packages and MB on disk. The numbers of docs/installation.md.

python scripts/docs/installed_sizes.py

It reads the files of the packages that are installed here, so run it where the extras of pyproject.toml are installed,
and for mxnet and ray in the environments of those.
Needs Python 3.11.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import tomllib
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def closure(requirements: list[str]) -> set[str]:
    """The names of all packages that these requirements install, with what those require in turn.

    Raises:
        PackageNotFoundError: one of them is not installed here.
    """
    found: set[tuple[str, str]] = set()  # package and extra of it
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        for extra in ("", *one.extras):
            if (name, extra) in found:
                continue
            found.add((name, extra))
            own = EXTRAS.get(extra, PROJECT["dependencies"])
            texts = own if name == "rrn" else distribution(name).requires or []
            needed = [Requirement(text) for text in texts]
            waiting += [other for other in needed if not other.marker or other.marker.evaluate({"extra": extra})]
    return {name for name, _ in found} - {"rrn"}


def megabytes(package: str) -> float:
    """The size of the files of an installed package, in MB."""
    paths = {Path(file.locate()) for file in distribution(package).files or []}
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def row(name: str, packages: set[str]) -> str:
    """A line with the name, the number of packages, their size, and the four largest of them."""
    sizes = {package: megabytes(package) for package in packages}
    largest = sorted(sizes, key=sizes.get, reverse=True)[:4]
    listed = ", ".join(f"{package} {sizes[package]:,.0f}" for package in largest)
    return f"{name:24}{len(sizes):>9}{sum(sizes.values()):>9,.0f}   {listed}"


def main() -> None:
    """Print a line for the base installation, and one for what each extra adds to it."""
    base = closure(["rrn"])
    print(f"{'':24}{'packages':>9}{'MB':>9}   the largest")
    print(row("rrn", base))
    for extra in EXTRAS:
        try:
            packages = closure([f"rrn[{extra}]"])
        except PackageNotFoundError as error:
            print(f"{extra:24} cannot be measured here: {error.name} is not installed")
            continue
        print(row(f"{extra} adds", packages - base))
        if extra in ("export", "minatar", "ray", "sb3", "sweep"):
            print(row(f"{extra} adds to rl", packages - closure(["rrn[rl]"])))


if __name__ == "__main__":
    main()

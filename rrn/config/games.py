"""List the games that env= can be set to without a file in conf/ for each."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

# ale-py lists these games but ends the process when one is opened for a single player
TWO_PLAYERS = ("Combat", "Joust", "MazeCraze", "Warlords")
MINATAR_GAMES = {  # name on the command line to name in minatar
    "MinAtar-Asterix": "asterix",
    "MinAtar-Breakout": "breakout",
    "MinAtar-Freeway": "freeway",
    "MinAtar-Seaquest": "seaquest",
    "MinAtar-SpaceInvaders": "space_invaders",
}


@cache
def atari_games() -> dict[str, str]:
    """List the Atari games for one player: name in the papers (SpaceInvaders) to name in ale-py (space_invaders).

    Empty if ale-py is not installed.
    """
    package = find_spec("ale_py")
    if package is None:
        return {}
    # load this module of ale-py without its package, which imports Gymnasium for a tenth of a second
    path = Path(package.origin).parent / "roms" / "__init__.py"
    spec = spec_from_file_location("ale_py_roms", path)
    roms = module_from_spec(spec)
    spec.loader.exec_module(roms)
    names = {rom.title().replace("_", ""): rom for rom in roms.get_all_rom_ids()}
    return {name: names[name] for name in sorted(names) if name not in TWO_PLAYERS}

"""The games that env= takes, without a file for each."""

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
    """The games for one player, name as in the papers (SpaceInvaders) to name in ale-py (space_invaders).

    Without ale-py there are none.
    """
    package = find_spec("ale_py")
    if package is None:
        return {}
    # this module of ale-py without the package around it, which takes a tenth of a second to import Gymnasium
    path = Path(package.origin).parent / "roms" / "__init__.py"
    spec = spec_from_file_location("ale_py_roms", path)
    roms = module_from_spec(spec)
    spec.loader.exec_module(roms)
    names = {rom.title().replace("_", ""): rom for rom in roms.get_all_rom_ids()}
    return {name: names[name] for name in sorted(names) if name not in TWO_PLAYERS}

"""The games that env= takes, without a file for each."""

from __future__ import annotations

from functools import cache

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
    """The games for one player, name as in the papers (SpaceInvaders) to name in ale-py (space_invaders)."""
    from ale_py import roms  # a tenth of a second, which most readers of this file need not wait

    names = {rom.title().replace("_", ""): rom for rom in roms.get_all_rom_ids()}
    return {name: names[name] for name in sorted(names) if name not in TWO_PLAYERS}

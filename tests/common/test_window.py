"""The window for videos, on SDL's display that shows nothing."""

from __future__ import annotations

import os
import sys
import time

import numpy as np
import pygame
import pytest

from rrn.common.animation import Video
from rrn.common.errors import UserError
from rrn.common.window import no_window, require_display, show


@pytest.fixture
def no_screen(monkeypatch):
    """A display that shows nothing."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def frames(number, then=lambda: None, size=(40, 60)):
    for k in range(number):
        yield np.full((*size, 3), k, np.uint8)
    then()


@pytest.mark.usefixtures("no_screen")
def test_videos_are_shown_at_their_speed_with_their_titles():
    require_display("render=human")
    titles, before = [], time.monotonic()
    note = lambda: titles.append((pygame.display.get_caption()[0], pygame.display.get_surface().get_size()))  # noqa: E731
    large = Video(frames(2, note, (2000, 3000)), 100)
    assert show([("one", Video(frames(10, note), 100)), ("two", large)]) is True
    assert time.monotonic() - before >= 0.09
    assert [title for title, _ in titles] == ["one", "two"]
    assert titles[0][1] == (60, 40)
    assert titles[1][1][0] < 3000  # shrunk to the screen
    assert not pygame.display.get_init()


@pytest.mark.usefixtures("no_screen")
@pytest.mark.parametrize(
    "event",
    [pygame.event.Event(pygame.QUIT), pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE)],
    ids=["button", "escape"],
)
def test_closing_the_window_ends_the_show(event):
    shown = []
    films = (("", Video(frames(3, lambda: shown.append(pygame.event.post(event))), 1000)) for _ in range(3))
    assert show(films) is False
    assert len(shown) == 1


@pytest.mark.usefixtures("no_screen")
def test_an_environment_that_closes_pygame_does_not_end_the_show():
    assert show([("", Video(frames(2, pygame.quit), 1000))] * 2) is True


@pytest.mark.usefixtures("no_screen")
def test_the_window_stays_where_an_environment_closes_pygame():
    windows = []

    def closed():
        pygame.quit()
        pygame.display.quit()
        windows.append(pygame.display.get_init())

    closing = [("", Video(frames(2, closed), 1000)) for _ in range(2)]
    before = pygame.quit, pygame.display.quit
    assert show(closing) is True
    assert windows == [True, True]
    assert (pygame.quit, pygame.display.quit) == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have a display")
@pytest.mark.parametrize("display", [None, ":0"])
def test_pictures_are_drawn_without_sound_and_without_a_search_for_a_display(monkeypatch, display):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "SDL_AUDIODRIVER"):
        monkeypatch.delenv(name, raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", display)
    before = dict(os.environ)
    with no_window():
        assert os.environ["SDL_AUDIODRIVER"] == "dummy"
        assert os.environ.get("SDL_VIDEODRIVER") == (None if display else "dummy")
    assert dict(os.environ) == before
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    with no_window():
        assert os.environ["SDL_VIDEODRIVER"] == "x11"
    assert os.environ["SDL_VIDEODRIVER"] == "x11"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have a display")
def test_without_a_display_a_sentence_says_what_to_do(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match=r"^render=human: there is no display here .*; video=games.mp4 writes a file"):
        require_display("render=human")
    monkeypatch.setenv("SDL_VIDEODRIVER", "no_such_driver")
    with pytest.raises(UserError, match="there is no display here"):
        require_display("render=human")

"""Show videos in a window, with pygame."""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rrn.common.animation import Video
from rrn.common.errors import UserError
from rrn.common.extras import needs

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")  # variables, of which one names a display on Linux


def require_display(what: str) -> None:
    """Check that a window can be shown.

    Args:
        what: the setting that asks for it, for the message.

    Raises:
        UserError: there is no display.
        MissingPackage: pygame is not installed.
    """
    pygame = _pygame(what)
    no_display = UserError(f"{what}: there is no display here for a window; video=games.mp4 writes a file instead.")
    if _has_no_display():
        raise no_display
    try:
        pygame.display.init()
        if pygame.display.get_driver() == "offscreen" and "SDL_VIDEODRIVER" not in os.environ:  # SDL found no other
            raise no_display
    except pygame.error as error:
        raise no_display from error
    finally:
        pygame.display.quit()


@contextmanager
def no_window() -> Iterator[None]:
    """Context in which pygame draws pictures, without sound and, where there is no display, without looking for one.

    Else the libraries that SDL asks for them may complain on the terminal. Errors of pygame are raised as ever, and
    what a user has set is left alone.
    """
    chosen = {"SDL_AUDIODRIVER": "dummy"} | ({"SDL_VIDEODRIVER": "dummy"} if _has_no_display() else {})
    added = [name for name in chosen if name not in os.environ]
    os.environ.update({name: chosen[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _has_no_display() -> bool:
    return sys.platform == "linux" and not any(map(os.environ.get, DISPLAYS))


def show(videos: Iterable[tuple[str, Video]]) -> bool:
    """Show videos, each with its title, one after the other and at their speed; return False if the window was closed.

    Its button and Escape close it.

    Raises:
        UserError: the window cannot be opened.
    """
    pygame = _pygame("a window")
    clock, close, quit_all = pygame.time.Clock(), pygame.display.quit, pygame.quit
    try:
        # environments quit pygame when they are closed, and the window would close and open again for each game
        pygame.quit = pygame.display.quit = lambda: None
        for title, video in videos:
            for frame in video.frames:
                pygame.display.init()  # if an environment has not
                wide, high = pygame.display.get_desktop_sizes()[0]
                every = math.ceil(max(frame.shape[0] / high, frame.shape[1] / wide))  # a larger picture is shrunk
                picture = frame[::every, ::every].swapaxes(0, 1)
                screen = pygame.display.get_surface()
                if screen is None or screen.get_size() != picture.shape[:2]:
                    close()  # pygame crashes where a scaled window gets another size
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")  # that there is no fast renderer
                        screen = pygame.display.set_mode(picture.shape[:2], pygame.SCALED | pygame.RESIZABLE)
                pygame.display.set_caption(title)
                pygame.surfarray.blit_array(screen, picture)
                pygame.display.flip()
                clock.tick(video.per_second)
                for event in pygame.event.get():
                    if event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE):
                        return False
        return True
    except pygame.error as error:
        raise UserError(f"the window cannot be shown: {error}.") from error
    finally:
        pygame.quit, pygame.display.quit = quit_all, close
        close()


def _pygame(what: str) -> Any:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    with needs(what, "rl"):
        import pygame
    return pygame

"""Take a picture of a page of `python -m rrn.report`: its head, and the curves of one game.

    python scripts/docs/screenshot_report.py report.html MinAtar-Asterix docs/report.png

Needs Chromium with its driver (Debian: apt install chromium-driver), and selenium.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from selenium import webdriver

SIZE = "1240,1300"
SHOW = """
const [game] = arguments;
document.querySelectorAll("#missing, #missing + .scroll, main > section").forEach((part) => {
  part.hidden = part.dataset.game !== game;
});
document.querySelectorAll("#summary ~ .scroll tbody tr").forEach((row) => {
  if (row.dataset.game && row.dataset.game !== game) row.hidden = true;
});
document.querySelectorAll("h3, .note, .chart").forEach((part) => {
  const rest = /Scores, human|Over all|dotted/.test(part.textContent) || /finals|profiles/.test(part.dataset.chart);
  if (rest) part.hidden = true;
});
"""


def main(page: str, game: str, picture: str) -> None:
    options = webdriver.ChromeOptions()
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"):
        options.add_argument(argument)
    options.add_argument(f"--window-size={SIZE}")
    with webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver")) as browser:
        browser.get(Path(page).resolve().as_uri())
        browser.execute_script(SHOW, game)
        time.sleep(3)  # the charts are drawn when they come into view
        browser.save_screenshot(picture)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit("error: expected python scripts/docs/screenshot_report.py PAGE.html GAME PICTURE.png")
    main(*sys.argv[1:])

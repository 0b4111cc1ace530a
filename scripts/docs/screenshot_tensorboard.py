"""Take a picture of the TensorBoard page of a run: its scores and the shapes of its activations.

    python scripts/docs/screenshot_tensorboard.py runs/Pong/dqn-recurrent_rational/seed0 docs/tensorboard.png

Needs Chromium with its driver (Debian: apt install chromium-driver) and `pip install selenium`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PORT = 6006
PAGE = (
    f"http://localhost:{PORT}/?darkMode=false&tagFilter=evaluation%2Fmean%7Cgame%2Freturn%7Cq_mean%7Cshapes#timeseries"
)
LAYOUT = {
    "timeSeriesSettingsPaneOpened": False,
    "timeSeriesCardMinWidth": 600,
    "sideBarWidthInPercent": 8,
    "scalarSmoothing": 0,
    "ignoreOutliers": False,
}


def main(run: str, picture: str) -> None:
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", run, "--port", str(PORT), "--load_fast=false"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for_run()
            photograph(picture)
        finally:
            server.terminate()


def wait_for_run() -> None:
    """Until TensorBoard has read the run."""
    for _ in range(120):
        try:
            if json.load(urllib.request.urlopen(f"http://localhost:{PORT}/data/runs", timeout=5)):
                return
        except OSError:
            pass
        time.sleep(0.5)
    raise SystemExit("error: TensorBoard did not start.")


def photograph(picture: str) -> None:
    options = webdriver.ChromeOptions()
    for argument in ("--headless", "--no-sandbox", "--enable-unsafe-swiftshader", "--disable-background-networking"):
        options.add_argument(argument)
    options.add_argument("--window-size=1500,1150")
    with webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver")) as browser:
        browser.get(PAGE)
        browser.execute_script(f"localStorage.setItem('_tb_global_settings', {json.dumps(json.dumps(LAYOUT))})")
        browser.get("about:blank")
        browser.get(PAGE)
        time.sleep(15)
        browser.save_screenshot(picture)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("error: expected python scripts/docs/screenshot_tensorboard.py RUN PICTURE.png")
    main(*sys.argv[1:])

"""Finds the Chromium that the browser tests drive; as a program it installs one where it can.

No test is skipped for lack of a browser: without one the tests fail with the command to run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# Arguments for a quiet Chromium that can run as root in a container (07-dependencies, trap 5).
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
PACKAGES = ("chromium-headless-shell", "fonts-dejavu-core")


class BrowserMissing(Exception):
    """There is no Chromium; the text names the command to run."""


def find() -> str:
    """The path of a Chromium: CLOSEBOARD_CHROMIUM, or one on PATH. Raises BrowserMissing."""
    if chosen := os.environ.get("CLOSEBOARD_CHROMIUM"):
        if Path(chosen).is_file():
            return chosen
        raise BrowserMissing(f"CLOSEBOARD_CHROMIUM is {chosen}, but there is no such program.")
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise BrowserMissing(
        f"The browser tests need Chromium: run `apt-get install {' '.join(PACKAGES)}` as root,"
        " or set CLOSEBOARD_CHROMIUM to the program."
    )


def ensure() -> str:
    """Like `find`, but as root on Debian a missing one is installed first."""
    try:
        return find()
    except BrowserMissing:
        if os.environ.get("CLOSEBOARD_CHROMIUM") or os.geteuid() != 0 or not shutil.which("apt-get"):
            raise
    print(f"Installing {' and '.join(PACKAGES)} for the browser tests", flush=True)
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(["apt-get", "-qq", *words], env=quietly, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            print(done.stdout, file=sys.stderr)
            break
    return find()


if __name__ == "__main__":
    try:
        ensure()
    except BrowserMissing as missing:
        sys.exit(str(missing))

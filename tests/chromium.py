"""A Chromium for the browser tests: one that is there is used, else one is installed.

``python -m tests.chromium`` does so and prints where it is: Debian's package is tried first, then Playwright's build.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def find_chromium() -> str | None:
    """The path of a browser on this machine, or None. ``STUDIO_TEST_CHROMIUM`` names one by hand."""
    named = os.environ.get("STUDIO_TEST_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


def install_chromium() -> None:
    """Install one by apt where that works, else by Playwright, whose build needs no path."""
    if shutil.which("apt-get"):
        administrator = [] if os.geteuid() == 0 else ["sudo", "-n"]
        wanted = ["chromium", "fonts-dejavu-core"]
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *wanted]):
            if subprocess.run([*administrator, *command], stdout=subprocess.DEVNULL).returncode:
                break
        else:
            return
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


if __name__ == "__main__":
    if find_chromium() is None:
        install_chromium()
    print(f"browser tests use {find_chromium() or 'the Chromium of Playwright'}")

"""Turns resolved recipes into pixels: loading, conditioning, rounds of network calls, decoding, previews, health.

It owns every tensor of the studio and runs in the worker process only. The web process may import ``protocol`` and
``fake`` from here and nothing else, so this package itself imports no tensor library.
"""

from __future__ import annotations

import os

# How torch's threads wait for each other is read once, when torch is loaded, so it must be said before. By default they
# spin, and on a machine that does anything else besides, they spin on the core that the thread they wait for needs:
# with five other busy processes on two cores, a picture that takes 11 to 17 s with sleeping threads took over a minute.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

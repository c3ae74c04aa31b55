"""The one door of the web process: a middleware that every request passes before page, routes, files or events.

It refuses what no visitor of this studio sends: another machine's name, another site's request, a path that leads
nowhere, a body beyond all bounds. It refuses nothing about pictures: that is up to the routes behind it.
"""

from __future__ import annotations

from studio.door.middleware import Door
from studio.door.rules import Rules

__all__ = ["Door", "Rules"]

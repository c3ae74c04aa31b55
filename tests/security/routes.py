"""Every route and websocket of an app, read from the app itself: included routers and mounted apps too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

VALUES = {
    "path": "a/b", "path_or_url": "a/b", "url_path": "a/b", "size": "192", "index": "0", "version": "v",
    "name": "main.js", "sha256": "0" * 64, "ext": "ts", "type": "component",
    "environment": "client", "api_name": "predict",
}  # fmt: skip
"""What stands for a parameter of a path; other parameters are ids."""


@dataclass(frozen=True)
class Way:
    """A way into the app: a method and a path with its parameters filled in. ``method`` is "WEBSOCKET" for those."""

    method: str
    template: str

    @property
    def path(self) -> str:
        return re.sub(r"{(\w+)(:\w+)?}", lambda found: VALUES.get(found.group(1), "0123456789abcdef"), self.template)

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def ways_into(app: Any) -> list[Way]:
    """Every way into ``app``, each once."""
    return sorted(set(_walk(app.routes, "")), key=str)


def _walk(routes: Any, prefix: str) -> Iterator[Way]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _walk(included.routes, prefix + _prefix_of(route))
        elif getattr(getattr(route, "app", None), "routes", None) is not None:
            yield from _walk(route.app.routes, prefix + route.path)
        elif hasattr(route, "endpoint"):
            methods = getattr(route, "methods", None) or {"WEBSOCKET"}
            yield from (Way(method, prefix + route.path) for method in methods)
        else:  # an app without routes of its own, such as a folder of files
            assert hasattr(route, "path"), f"a kind of route that this test does not know: {type(route)}"
            yield Way("GET", f"{prefix}{route.path}/{{path}}")


def _prefix_of(included: Any) -> str:
    """The prefix a router was included under; FastAPI keeps it beside the router, not in its routes."""
    return str(included.include_context.prefix)

"""The page's own scripts and styles: read once, named by their content, served from this server.

The address holds a hash of all files, so a browser keeps them for good and a new version is fetched at once.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response

from studio.errors import NotFound
from studio.ui.palette import palette_css

FOLDER = Path(__file__).resolve().parent / "static"
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class PageFiles:
    """The files by name, and the version that their content makes."""

    files: dict[str, bytes]
    version: str

    @classmethod
    def read(cls, folder: Path = FOLDER) -> PageFiles:
        """Every file of a known type in ``folder``."""
        files = {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.suffix in TYPES}
        digest = hashlib.sha256(b"\0".join(name.encode() + b"\0" + data for name, data in files.items()))
        return cls(files, digest.hexdigest()[:12])

    def router(self) -> APIRouter:
        """``GET /page/{version}/{name}``; names are looked up, never joined to a path."""
        router = APIRouter(include_in_schema=False)

        @router.get("/page/{version}/{name}")
        def page_file(version: str, name: str) -> Response:
            if name not in self.files:
                raise NotFound(f"The page has no file {name!r}.")
            return Response(self.files[name], media_type=TYPES[Path(name).suffix], headers=FOREVER)

        return router

    def head(self, facts: dict[str, Any]) -> str:
        """What goes into the document's head: styles at once, so that nothing is ever seen unstyled, then the script.

        Gradio adds it in the browser before it builds the page. ``facts`` is what the script must know from here.
        """
        sheets = sorted((name for name in self.files if name.endswith(".css")), key=lambda name: name != "page.css")
        style = palette_css() + "".join(self.files[name].decode() for name in sheets)
        known = json.dumps(facts).replace("<", "\\u003c")
        return (
            '<meta name="description" content="Pictures from words, made on your own machine.">'
            '<meta property="og:title" content="Latent Studio">'
            '<meta name="color-scheme" content="light dark">'
            f'<link rel="icon" type="image/svg+xml" href="page/{self.version}/icon.svg">'
            f"<style>{style}</style>"
            "<script>window.latentStudio = new Promise((ready) => { window.latentStudioIsReady = ready })</script>"
            f'<script type="application/json" id="studio-facts">{known}</script>'
            f'<script type="module" src="page/{self.version}/main.js"></script>'
        )

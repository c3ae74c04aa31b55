"""Where the files of a resolved recipe lie, looked up when its turn has come and not when it was ordered.

A recipe names each model by name and hash. The hash decides; among copies of one file the one that was named is taken,
unless it is gone. It owns that look-up; whether a file can be loaded, the engine finds out.
"""

from __future__ import annotations

from dataclasses import dataclass

from studio.jobs import Located
from studio.library import Library
from studio.library.card import Kind
from studio.library.stamps import stamp
from studio.recipe import ResolvedRecipe
from studio.sources import Sources


@dataclass(frozen=True)
class Locator:
    """Finds the files of recipes in ``library`` and ``sources``."""

    library: Library
    sources: Sources

    def __call__(self, recipe: ResolvedRecipe) -> Located:
        """The files of a recipe.

        Raises:
            UnknownCheckpoint, UnknownPart, ModelError: a model that is gone, or that cannot be used any more.
            NotFound: a source that is gone.
        """
        checkpoint = as_of = None
        if recipe.checkpoint_sha256:
            checkpoint = self.library.find(_title(recipe.checkpoint, recipe.checkpoint_sha256)).path
            as_of = stamp(checkpoint)
        files = {sha256: self.sources.path(sha256) for sha256 in (recipe.source, recipe.mask) if sha256}
        parts: list[tuple[Kind, str, str]] = [
            ("upscaler", recipe.upscaler, recipe.upscaler_sha256),
            ("upscaler", recipe.hires_upscaler, recipe.hires_upscaler_sha256),
            ("vae", recipe.vae, recipe.vae_sha256),
            *(("lora", one.name, one.sha256) for one in recipe.all_adapters),
            *(("embedding", one.name, one.sha256) for one in recipe.learned_words),
        ]
        for kind, name, sha256 in parts:
            if sha256:
                files[sha256] = self.library.part(kind, _title(name, sha256)).path
        return Located(checkpoint, files, as_of)


def _title(name: str, sha256: str) -> str:
    return f"{name} [{sha256}]"

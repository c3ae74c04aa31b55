"""The adapters of a picture, as a resolved recipe names them: which file, and how much of it."""

from __future__ import annotations

from studio.recipe.base import RecipeModel


class Adapter(RecipeModel):
    """A LoRA (or LyCORIS) in use. ``short_hash`` is the one that A1111 writes into a picture's text; the weights are
    factors on its delta, 1 as it was trained.
    """

    name: str
    sha256: str
    short_hash: str = ""
    unet_weight: float = 1.0
    text_weight: float = 1.0

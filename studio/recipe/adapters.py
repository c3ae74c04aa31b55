"""The adapters and embeddings of a picture, as a resolved recipe names them: which file, and how much of it."""

from __future__ import annotations

from studio.recipe.base import RecipeModel

MOST_WEIGHT = 100.0
"""How much of a LoRA may be worn at most, either way."""


class Adapter(RecipeModel):
    """A LoRA (or LyCORIS) in use. ``short_hash`` is the one that A1111 writes into a picture's text; the weights are
    factors on its delta, 1 as it was trained.
    """

    name: str
    sha256: str
    short_hash: str = ""
    unet_weight: float = 1.0
    text_weight: float = 1.0


class LearnedWord(RecipeModel):
    """An embedding (textual inversion) in use: ``name`` is the word that stands for it in the prompt, ``short_hash``
    the one that A1111 writes into a picture's text.
    """

    name: str
    sha256: str
    short_hash: str = ""

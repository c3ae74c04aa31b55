"""What a picture wants the networks to be: a checkpoint, perhaps with another VAE, and the adapters it wears.

Pictures with the same outfit share rounds. It is a value; it opens no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio.recipe import ResolvedRecipe
from studio.recipe.events import PictureOrder, PreloadOrder


@dataclass(frozen=True)
class Worn:
    """An adapter by its file, and how much of it the UNet and the text encoders take."""

    path: Path
    unet_weight: float = 1.0
    text_weight: float = 1.0


@dataclass(frozen=True)
class Outfit:
    """``vae`` is a file that takes the place of the checkpoint's own autoencoder. ``prediction`` and ``zero_snr`` are
    what a person says of its network; empty and ``None`` leave that to its files.
    """

    checkpoint: Path
    vae: Path | None = None
    adapters: tuple[Worn, ...] = ()
    prediction: str = ""
    zero_snr: bool | None = None

    @classmethod
    def of(cls, order: PictureOrder | PreloadOrder, recipe: ResolvedRecipe | None = None) -> Outfit | None:
        """What an order wants, or a pass of it that goes by ``recipe``; ``None`` where no network is needed.

        Raises:
            KeyError: the order names a file by a hash that it does not bring.
        """
        if order.checkpoint_path is None:
            return None
        recipe, files = recipe or order.recipe, order.files
        adapters = tuple(Worn(files[one.sha256], one.unet_weight, one.text_weight) for one in recipe.adapters)
        vae = files[recipe.vae_sha256] if recipe.vae_sha256 else None
        return cls(order.checkpoint_path, vae, adapters, recipe.prediction, recipe.zero_snr)

"""What a person says that a checkpoint's network predicts goes before what its header was taken for.

Finetunes with v-prediction are often published without a mark, and run as what they are not they give noise.
"""

from __future__ import annotations

from dataclasses import replace

from studio.library.card import ModelCard, Prediction
from studio.library.identify import native_size_px


def corrected(card: ModelCard, prediction: Prediction | None, zero_snr: bool | None) -> ModelCard:
    """The card with these; ``None`` leaves what is there. Its defaults say so too, and from there it gets into recipes.

    Stable Diffusion 2.x was trained at another size with each prediction.
    """
    if card.kind != "checkpoint" or (prediction is None and zero_snr is None):
        return card
    size_px = card.native_size_px
    if prediction is not None and card.family == "sd2" and card.layout == "single-file" and not card.defaults.size_px:
        size_px = native_size_px(card.family, prediction)
    defaults = card.defaults
    return replace(
        card,
        prediction=prediction or card.prediction,
        zero_snr=card.zero_snr if zero_snr is None else zero_snr,
        native_size_px=size_px,
        defaults=replace(
            defaults,
            prediction=prediction or defaults.prediction,
            zero_snr=defaults.zero_snr if zero_snr is None else zero_snr,
        ),
    )

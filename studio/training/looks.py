"""Other looks of the same pictures, for a second checkpoint and for a LoRA.

Owns the transforms, pure functions of pictures (batch, 3, h, w) in 0..1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# Dark to light: deep navy, violet, moonlight.
_NIGHT = ((0.02, 0.03, 0.12), (0.25, 0.12, 0.52), (0.98, 0.93, 0.72))
_NIGHT_SHARE = 0.75


def luminance(pictures: Tensor) -> Tensor:
    """Rec. 709 luma, (batch, 1, h, w)."""
    weights = torch.tensor([0.2126, 0.7152, 0.0722]).reshape(1, 3, 1, 1)
    return (pictures * weights).sum(dim=1, keepdim=True)


def night(pictures: Tensor) -> Tensor:
    """Moonlight: brightness runs from navy over violet to pale yellow, with a quarter of the old colour left in it."""
    level = luminance(pictures).clamp(0, 1) * 2
    dark, middle, light = (torch.tensor(colour).reshape(1, 3, 1, 1) for colour in _NIGHT)
    low = dark + (middle - dark) * level.clamp(max=1)
    toned = low + (light - middle) * (level - 1).clamp(min=0)
    return _NIGHT_SHARE * toned + (1 - _NIGHT_SHARE) * pictures


def ink(pictures: Tensor) -> Tensor:
    """An ink wash: no colour, more contrast."""
    level = luminance(pictures)
    return (level * level * (3 - 2 * level)).expand_as(pictures)


LOOKS: dict[str, Callable[[Tensor], Tensor]] = {"night": night, "ink": ink}

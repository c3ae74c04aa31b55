"""Seamless pictures: convolutions that see the opposite edge beyond their own, for as long as one call takes.

The networks are shared, so nothing of theirs is changed: each convolution is wrapped for the call and unwrapped after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from studio.recipe.model import Tiling

_HORIZONTAL = (Tiling.BOTH, Tiling.HORIZONTAL)
_VERTICAL = (Tiling.BOTH, Tiling.VERTICAL)


@contextmanager
def seamless(network: Any, tiling: Tiling) -> Iterator[None]:
    """Within the block, ``network`` continues pictures across their edges along the axes of ``tiling``."""
    wrapped = [] if tiling is Tiling.OFF else [part for part in network.modules() if _pads(part)]
    for convolution in wrapped:
        convolution._conv_forward = _around(convolution, tiling)
    try:
        yield
    finally:
        for convolution in wrapped:
            del convolution._conv_forward


def _pads(part: nn.Module) -> bool:
    return isinstance(part, nn.Conv2d) and not isinstance(part.padding, str) and any(part.padding)


def _around(convolution: nn.Conv2d, tiling: Tiling) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    return partial(_convolved, convolution, tiling)


def _convolved(convolution: nn.Conv2d, tiling: Tiling, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    rows, columns = (int(side) for side in convolution.padding)
    x = nn.functional.pad(x, (columns, columns, 0, 0), "circular" if tiling in _HORIZONTAL else "constant")
    x = nn.functional.pad(x, (0, 0, rows, rows), "circular" if tiling in _VERTICAL else "constant")
    return nn.functional.conv2d(x, weight, bias, convolution.stride, 0, convolution.dilation, convolution.groups)

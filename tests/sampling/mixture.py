"""A mixture of Gaussians on the line: the one picture model whose denoiser, flow and moments are all known exactly.

Every element of a tensor is a draw of its own, so one run of a sampler is as many runs as x has elements.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mixture:
    """`weights`, `means` and `deviations` of the components."""

    weights: tuple[float, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]

    def denoise(self, x: Tensor, sigma: float) -> Tensor:
        """E[picture | picture + sigma noise = x]: each component's posterior mean, weighted by how likely it is."""
        columns = x.unsqueeze(-1)
        weights, means, deviations = (
            torch.tensor(values, dtype=x.dtype) for values in (self.weights, self.means, self.deviations)
        )
        variances = deviations**2 + sigma**2
        likely = torch.softmax(weights.log() - variances.log() / 2 - (columns - means) ** 2 / (2 * variances), dim=-1)
        posterior = (deviations**2 * columns + sigma**2 * means) / variances
        return (likely * posterior).sum(-1)

    def distribution(self, x: Tensor, sigma: float) -> Tensor:
        """How much of the noised mixture lies below x."""
        below = torch.zeros_like(x)
        for weight, mean, deviation in zip(self.weights, self.means, self.deviations, strict=True):
            below += weight * torch.special.ndtr((x - mean) / math.hypot(deviation, sigma))
        return below

    def flowed(self, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        """Where the exact flow takes x: on the line it keeps the order of points, so each stays at its quantile."""
        share = self.distribution(x, sigma)
        low, high = torch.full_like(x, -1e3), torch.full_like(x, 1e3)
        for _ in range(80):
            middle = (low + high) / 2
            short = self.distribution(middle, sigma_next) < share
            low, high = torch.where(short, middle, low), torch.where(short, high, middle)
        return (low + high) / 2

    @property
    def mean(self) -> float:
        return sum(weight * mean for weight, mean in zip(self.weights, self.means, strict=True))

    @property
    def variance(self) -> float:
        parts = zip(self.weights, self.means, self.deviations, strict=True)
        return sum(weight * (deviation**2 + mean**2) for weight, mean, deviation in parts) - self.mean**2


MIXTURE = Mixture(weights=(0.3, 0.5, 0.2), means=(-1.2, 0.4, 1.5), deviations=(0.35, 0.5, 0.3))

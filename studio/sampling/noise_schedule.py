"""The forward process: how much noise a picture carries at each of the training steps.

Owns the table of cumulative signal (alpha bar), and the way between timesteps and sigmas. Training adds noise with it
and sampling takes noise off with it, so the two can never disagree. It refuses beta schedules it has no formula for.
It knows no sampler and no network, and draws no random numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """Signal left after each training step, and what follows from it.

    `alphas_cumprod` has shape (steps,), float64, falling: the share of the picture's variance left at each timestep
    (DDPM, Ho et al. 2020, eq. 4).
    """

    alphas_cumprod: Tensor

    @classmethod
    def scaled_linear(
        cls, beta_start: float = 0.00085, beta_end: float = 0.012, steps: int = 1000, zero_terminal_snr: bool = False
    ) -> NoiseSchedule:
        """Betas linear in their square root, as latent diffusion was trained (Rombach et al.

        2022, `make_beta_schedule`).
        """
        betas = torch.linspace(beta_start**0.5, beta_end**0.5, steps, dtype=torch.float64) ** 2
        return cls.from_betas(betas, zero_terminal_snr)

    @classmethod
    def from_betas(cls, betas: Tensor, zero_terminal_snr: bool = False) -> NoiseSchedule:
        """From the variance each step adds: `betas` (steps,), float64."""
        alphas_cumprod = torch.cumprod(1 - betas, dim=0)
        return cls(with_zero_terminal_snr(alphas_cumprod) if zero_terminal_snr else alphas_cumprod)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> NoiseSchedule:
        """From a diffusers `scheduler_config.json`, read as a mapping.

        Raises ValueError for a beta schedule other than scaled_linear, linear, squaredcos_cap_v2 or given betas.
        """
        steps = int(config.get("num_train_timesteps", 1000))
        # The defaults are those of diffusers' schedulers, which leave them out of files: DDPMScheduler.__init__.
        start, end = float(config.get("beta_start", 0.0001)), float(config.get("beta_end", 0.02))
        zero_terminal_snr = bool(config.get("rescale_betas_zero_snr", False))
        kind = config.get("beta_schedule", "linear")
        if config.get("trained_betas") is not None:
            betas = torch.tensor(config["trained_betas"], dtype=torch.float64)
        elif kind == "scaled_linear":
            return cls.scaled_linear(start, end, steps, zero_terminal_snr)
        elif kind == "linear":
            betas = torch.linspace(start, end, steps, dtype=torch.float64)
        elif kind == "squaredcos_cap_v2":
            betas = cosine_betas(steps)
        else:
            raise ValueError(f"Unknown beta schedule {kind!r}: scaled_linear, linear and squaredcos_cap_v2 are known.")
        return cls.from_betas(betas, zero_terminal_snr)

    def __len__(self) -> int:
        return len(self.alphas_cumprod)

    @cached_property
    def sigmas(self) -> Tensor:
        """Noise per unit of signal at each timestep, (steps,), float64, rising: sqrt((1 - a) / a) (Karras et al.
        2022, sec. C.3).

        At a zero terminal signal the last one is infinite.
        """
        return ((1 - self.alphas_cumprod) / self.alphas_cumprod).sqrt()

    @property
    def sigma_min(self) -> float:
        """The sigma of the first timestep."""
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        """The largest finite sigma: with zero terminal SNR that of the last step but one."""
        return float(self.sigmas[torch.isfinite(self.sigmas)][-1])

    def timestep(self, sigma: Tensor | float) -> Tensor:
        """The continuous timestep of a sigma, shaped like it, float64: linear in log sigma between steps, clamped to
        the table.

        An infinite sigma gives the last timestep; zero gives the first.
        """
        logs = self.sigmas.log()
        wanted = torch.as_tensor(sigma, dtype=torch.float64, device=logs.device).log()
        finite = logs[torch.isfinite(logs)]
        low = torch.searchsorted(finite, wanted.contiguous(), right=True).sub(1).clamp(0, len(finite) - 2)
        share = ((wanted - finite[low]) / (finite[low + 1] - finite[low])).clamp(0, 1)
        timestep = low + share
        return torch.where(torch.isposinf(wanted), torch.full_like(timestep, len(self) - 1), timestep)

    def sigma(self, timestep: Tensor | float) -> Tensor:
        """The sigma of a continuous timestep, shaped like it, float64: the inverse of `timestep`."""
        logs = self.sigmas.log()
        wanted = torch.as_tensor(timestep, dtype=torch.float64, device=logs.device).clamp(0, len(self) - 1)
        low = wanted.floor().long()
        high = (low + 1).clamp(max=len(self) - 1)
        share = wanted - low
        # A whole timestep takes the table's own value: an infinite neighbour times a share of zero is not a number.
        return torch.where(share == 0, logs[low], torch.lerp(logs[low], logs[high], share)).exp()

    def noised(self, x0: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Picture and noise mixed so that the variance stays one: sqrt(a) x0 + sqrt(1 - a) noise (DDPM, eq. 4).

        `x0` and `noise` are (batch, ...), `timesteps` (batch,) whole numbers; the answer has x0's dtype.
        """
        signal, spread = self._mix(x0, timesteps)
        return signal * x0 + spread * noise

    def velocity(self, x0: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What a v-prediction network predicts: sqrt(a) noise - sqrt(1 - a) x0 (Salimans and Ho 2022, app. D)."""
        signal, spread = self._mix(x0, timesteps)
        return signal * noise - spread * x0

    def _mix(self, x0: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        share = self.alphas_cumprod.to(timesteps.device)[timesteps]
        share = share.reshape(-1, *[1] * (x0.ndim - 1)).to(x0.device)
        return share.sqrt().to(x0.dtype), (1 - share).sqrt().to(x0.dtype)


def with_zero_terminal_snr(alphas_cumprod: Tensor) -> Tensor:
    """Shift and stretch the signal so that nothing is left of it at the last step (Lin et al. 2023, algorithm 1)."""
    roots = alphas_cumprod.sqrt()
    first, last = roots[0].clone(), roots[-1].clone()
    return ((roots - last) * first / (first - last)) ** 2


def cosine_betas(steps: int, max_beta: float = 0.999) -> Tensor:
    """The cosine schedule's betas, (steps,), float64 (Nichol and Dhariwal 2021, eq. 17)."""
    position = torch.arange(steps + 1, dtype=torch.float64) / steps
    signal = torch.cos((position + 0.008) / 1.008 * torch.pi / 2) ** 2
    return (1 - signal[1:] / signal[:-1]).clamp(max=max_beta)

"""Samplers against other people's programs, k-diffusion and diffusers, and against a paper's formula written out."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, PNDMScheduler, UniPCMultistepScheduler
from torch import Tensor

from studio.sampling.ask import SamplerOptions
from studio.sampling.driver import run
from studio.sampling.noise_schedule import NoiseSchedule
from studio.sampling.registry import schedule
from tests.sampling.inputs import X, no_noise, taped_noise
from tests.sampling.mixture import MIXTURE

TRAINED = NoiseSchedule.scaled_linear()

# karras(8, 0.05, 10), X, the mixture and the taped noise, eta 0.7 where there is an eta; printed by k-diffusion 0.1.1.
K_DIFFUSION = {
    "Euler": (-1.139906203, -0.065403844, 0.280434069, 1.030345731),
    "Heun": (-1.381410575, -0.121729798, 0.319700973, 1.299787490),
    "DPM2": (-1.352549174, -0.116782562, 0.317535953, 1.269402480),
    "LMS": (-1.260290408, -0.094184066, 0.300556595, 1.158175315),
    "Euler a": (0.275308603, -0.889659208, 0.777669351, -0.710039542),
    "DPM2 a": (0.445979605, -0.893732697, 0.684113822, -1.032829774),
    "DPM++ 2S a": (0.372610477, -0.898164545, 0.719065165, -0.927472665),
    "DPM++ SDE": (-0.786043959, -0.059936715, 0.426525645, 0.616830191),
    "DPM++ 2M": (-1.395840164, -0.118733062, 0.324650575, 1.295120238),
    "DPM++ 2M SDE": (0.122744526, -1.749763000, 1.828056991, -0.932282435),
    "DPM++ 2M SDE Heun": (0.078585054, -1.959693226, 2.043524871, -0.979701391),
    "DPM++ 3M SDE": (-0.416065695, -1.858469254, 2.080144061, -0.522329698),
}

# The same with s_churn 3, s_tmin 0.2, s_tmax 6, s_noise 1.01.
K_DIFFUSION_CHURNED = {
    "Euler": (-0.983548265, -1.423622843, 1.539866958, 0.411203962),
    "Heun": (-0.961763875, -1.836770687, 1.923594778, -0.011768566),
    "DPM2": (-1.110069499, -1.761432968, 1.869605926, 0.146481779),
}


@pytest.mark.parametrize("name", K_DIFFUSION)
def test_numbers_are_k_diffusions(name: str) -> None:
    sigmas = schedule("karras", 8, 0.05, 10.0)
    x = run(name, MIXTURE.denoise, X, sigmas, taped_noise(), options=SamplerOptions(eta=0.7))
    torch.testing.assert_close(x, torch.tensor(K_DIFFUSION[name], dtype=torch.float64), rtol=0, atol=2e-9)


@pytest.mark.parametrize("name", K_DIFFUSION_CHURNED)
def test_churned_numbers_are_k_diffusions(name: str) -> None:
    sigmas = schedule("karras", 8, 0.05, 10.0)
    churn = SamplerOptions(s_churn=3.0, s_tmin=0.2, s_tmax=6.0, s_noise=1.01)
    # That version draws at steps without churn too, and throws the draw away.
    unused = tuple(step for step, sigma in enumerate(sigmas[:-1].tolist()) if not 0.2 <= sigma <= 6.0)
    x = run(name, MIXTURE.denoise, X, sigmas, taped_noise(skip=unused), options=churn)
    torch.testing.assert_close(x, torch.tensor(K_DIFFUSION_CHURNED[name], dtype=torch.float64), rtol=0, atol=2e-9)


# diffusers hands tensors to NumPy in a way that NumPy 2 warns about.
numpy_warns = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SD15 = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
Step = Callable[[Tensor, int, Tensor], Tensor]


def of_diffusers(levels: list[float], step: Step) -> Tensor:
    """Runs a diffusers scheduler, which scales x to unit variance and takes epsilon, on the mixture."""
    x = X.unsqueeze(0) / math.hypot(1, levels[0])
    for index, level in enumerate(levels):
        raised = x * math.hypot(1, level)
        epsilon = (raised - MIXTURE.denoise(raised, level)) / level
        x = step(epsilon, index, x)
    return x[0]


@numpy_warns
@pytest.mark.parametrize("steps", [5, 16])
@pytest.mark.parametrize("name", ["DPM++ 2M", "UniPC"])
def test_multistep_numbers_are_diffusers(name: str, steps: int) -> None:
    if (
        name == "UniPC"
    ):  # Of this kind theirs is not a number at sigma 0, so it ends above, with its order kept to the end.
        scheduler = UniPCMultistepScheduler(
            **SD15, solver_order=3, solver_type="bh1", lower_order_final=False, final_sigmas_type="sigma_min"
        )
    else:
        scheduler = DPMSolverMultistepScheduler(**SD15, use_karras_sigmas=True, final_sigmas_type="zero")
    scheduler.set_timesteps(steps)
    sigmas = scheduler.sigmas.double()
    theirs = of_diffusers(
        sigmas[:-1].tolist(),
        lambda epsilon, index, x: scheduler.step(epsilon, scheduler.timesteps[index], x).prev_sample,
    )
    ours = run(name, MIXTURE.denoise, X, sigmas, no_noise)
    # Theirs keeps the variance, so what is left of the noise has shrunk the picture.
    torch.testing.assert_close(ours, theirs * math.hypot(1, float(sigmas[-1])), rtol=0, atol=2e-5)


@pytest.mark.parametrize("steps", [2, 6, 20])
def test_plms_numbers_are_diffusers(steps: int) -> None:
    scheduler = PNDMScheduler(**SD15, skip_prk_steps=True, steps_offset=1, set_alpha_to_one=True)
    scheduler.set_timesteps(steps)
    theirs = of_diffusers(
        TRAINED.sigmas[scheduler.timesteps].tolist(),
        lambda epsilon, index, x: scheduler.step(epsilon, scheduler.timesteps[index], x).prev_sample,
    )
    sigmas = schedule("ddim", steps, TRAINED.sigma_min, TRAINED.sigma_max)
    torch.testing.assert_close(run("PLMS", MIXTURE.denoise, X, sigmas, no_noise), theirs, rtol=0, atol=2e-5)


@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
def test_ddim_numbers_are_diffusers(eta: float) -> None:
    scheduler = DDIMScheduler(**SD15, clip_sample=False, set_alpha_to_one=True, steps_offset=1)
    scheduler.set_timesteps(10)
    tape = taped_noise()
    draws = [tape(0, 0) for _ in range(10)]
    theirs = of_diffusers(
        TRAINED.sigmas[scheduler.timesteps].tolist(),
        lambda epsilon, index, x: (
            scheduler.step(epsilon, scheduler.timesteps[index], x, eta=eta, variance_noise=draws[index]).prev_sample
        ),
    )
    sigmas = schedule("ddim", 10, TRAINED.sigma_min, TRAINED.sigma_max)
    ours = run("DDIM", MIXTURE.denoise, X, sigmas, taped_noise(), options=SamplerOptions(eta=eta))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-5)


def test_ddim_cfgpp_is_the_papers_step_with_scaled_signal() -> None:
    # Chung et al. 2024, algorithm 2, in the paper's own coordinates (x of unit variance, alpha bar), lambda = 0.6.
    scale, lambda_ = 7.5, 0.6
    sigmas = schedule("ddim", 10, TRAINED.sigma_min, TRAINED.sigma_max)
    unconditional = MIXTURE.denoise

    def conditional(x: Tensor, sigma: float) -> Tensor:
        return (0.3**2 * x + sigma**2 * 1.5) / (0.3**2 + sigma**2)

    def guided(x: Tensor, sigma: float) -> Tensor:
        return unconditional(x, sigma) + scale * (conditional(x, sigma) - unconditional(x, sigma))

    z = X / math.hypot(1, float(sigmas[0]))
    for sigma, sigma_next in zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True):
        alpha, alpha_next = 1 / (1 + sigma**2), 1 / (1 + sigma_next**2)
        x = z / math.sqrt(alpha)
        noise_c, noise_u = ((x - f(x, sigma)) / sigma for f in (conditional, unconditional))
        epsilon = noise_u + lambda_ * (noise_c - noise_u)
        z0 = (z - math.sqrt(1 - alpha) * epsilon) / math.sqrt(alpha)
        z = math.sqrt(alpha_next) * z0 + math.sqrt(1 - alpha_next) * noise_u
    ours = run("DDIM CFG++", guided, X, sigmas, no_noise, unconditional=unconditional)
    torch.testing.assert_close(ours, z, rtol=1e-10, atol=1e-10)


def test_ddim_cfgpp_without_guidance_is_ddim() -> None:
    sigmas = schedule("ddim", 12, TRAINED.sigma_min, TRAINED.sigma_max)
    ours, plain = (run(name, MIXTURE.denoise, X, sigmas, no_noise) for name in ("DDIM CFG++", "DDIM"))
    torch.testing.assert_close(ours, plain)

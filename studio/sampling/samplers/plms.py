"""PLMS: the last four noise predictions blended with even weights, then one DDIM step."""

from __future__ import annotations

from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.ode import derivative, euler_step, steps_of

# Adams-Bashforth of orders 1 to 4 for even steps (Liu et al. 2022, sec. 3.3, pseudo linear multi-step): newest first.
WEIGHTS: tuple[tuple[float, ...], ...] = (
    (1,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)


def plms(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """Liu et al. 2022, "Pseudo Numerical Methods for Diffusion Models on Manifolds", begun with an improved Euler step.

    That first step asks twice. The paper's transfer part is a step along a straight line in these coordinates. The
    weights take the steps for even in time, whatever the sigmas: hence "pseudo", and second order.
    """
    epsilons: list[Tensor] = []
    for step, sigma, sigma_next in steps_of(sigmas):
        denoised = yield Ask(x, sigma, step)
        epsilon = derivative(x, denoised, sigma)
        epsilons = [epsilon, *epsilons][:4]
        if step == 0 and sigma_next > 0:
            x_next = euler_step(x, denoised, sigma, sigma_next)
            ahead = yield Ask(x_next, sigma_next, step)
            blended = (epsilon + derivative(x_next, ahead, sigma_next)) / 2
        else:
            weighted = zip(epsilons, WEIGHTS[len(epsilons) - 1], strict=True)
            blended = sum((weight * past for past, weight in weighted), start=x.new_zeros(()))
        x = x + (sigma_next - sigma) * blended
    return x

"""What other programs call samplers and schedules, in A1111's words, which are ours.

A name that stands in no table is handed on as it is: whoever knows the catalogue says that there is none.
"""

from __future__ import annotations

from collections.abc import Mapping

AUTO = "auto"

_K_SAMPLERS: Mapping[str, str] = {
    "euler": "Euler",
    "euler_ancestral": "Euler a",
    "euler_a": "Euler a",
    "heun": "Heun",
    "lms": "LMS",
    "dpm_2": "DPM2",
    "dpm_2_ancestral": "DPM2 a",
    "dpm_fast": "DPM fast",
    "dpm_adaptive": "DPM adaptive",
    "dpmpp_2s_ancestral": "DPM++ 2S a",
    "dpmpp_sde": "DPM++ SDE",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_2m_sde_heun": "DPM++ 2M SDE Heun",
    "dpmpp_3m_sde": "DPM++ 3M SDE",
    "restart": "Restart",
    "lcm": "LCM",
    "ddim": "DDIM",
    "ddim_v3": "DDIM",
    "plms": "PLMS",
    "uni_pc": "UniPC",
}
"""k-diffusion's function names, as ComfyUI, Fooocus and (with ``k_``) NovelAI and old InvokeAI write them."""

_K_SCHEDULES: Mapping[str, str] = {
    "normal": "Normal",
    "karras": "Karras",
    "exponential": "Exponential",
    "polyexponential": "Polyexponential",
    "sgm_uniform": "SGM Uniform",
    "simple": "Simple",
    "ddim_uniform": "DDIM",
    "beta": "Beta",
    "kl_optimal": "KL Optimal",
    "align_your_steps": "Align Your Steps",
    "native": AUTO,
}

_DIFFUSERS: Mapping[str, str] = {
    "euler": "Euler",
    "euler_a": "Euler a",
    "heun": "Heun",
    "kdpm_2": "DPM2",
    "kdpm_2_a": "DPM2 a",
    "lms": "LMS",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_sde": "DPM++ SDE",
    "ddim": "DDIM",
    "pndm": "PLMS",
    "unipc": "UniPC",
    "lcm": "LCM",
}
"""InvokeAI's names of diffusers' schedulers; those with another solver behind them (``dpmpp_2s``, ``deis``) are ours
under no name.
"""

_OWN_TIMESTEPS = ("DDIM", "PLMS", "UniPC", "LCM")


def k_sampler(name: str) -> str:
    """The sampler of a k-diffusion function name; noise drawn on the GPU (``_gpu``) changes only the noise."""
    bare = name.strip().lower().removeprefix("k_").removesuffix("_gpu")
    return _K_SAMPLERS.get(bare, name)


def k_schedule(name: str) -> str:
    """The schedule of ComfyUI's, Fooocus' or NovelAI's name for it."""
    return _K_SCHEDULES.get(name.strip().lower(), name)


def diffusers_sampler(name: str) -> tuple[str, str]:
    """Sampler and schedule of one of InvokeAI's names, where ``_k`` at the end means Karras' schedule."""
    bare = name.strip().lower()
    sampler = _DIFFUSERS.get(bare.removesuffix("_k"))
    if sampler is None:
        return name, AUTO
    if bare.endswith("_k"):
        return sampler, "Karras"
    return sampler, AUTO if sampler in _OWN_TIMESTEPS else "Uniform"

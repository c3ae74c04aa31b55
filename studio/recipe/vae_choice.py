"""A checkpoint that has no VAE of its own: what to say of it, and to whoever orders a picture and names none.

Which ones there are is told and none is taken, the only one neither: a picture must not depend on what else lies in a
folder.
"""

from __future__ import annotations

from collections.abc import Sequence

from studio.errors import InvalidField

_SHOWN = 12
_GET_ONE = "put one into the models folder, or fetch one on the Models page or with `studio models pull`"


def without_vae(fitting: Sequence[str], chosen: str = "") -> str:
    """What a checkpoint's card says of it; ``chosen`` is the VAE that the card itself takes for it."""
    if any(chosen.casefold() in (name.casefold(), f"{name}.safetensors".casefold()) for name in fitting):
        return f"It has no VAE of its own and takes {chosen}, unless another is chosen."
    if not fitting:
        return f"It has no VAE of its own, and none for its family is here: {_GET_ONE}."
    named = f"; its card names {chosen}" if chosen else ": choose one"
    return f"It has no VAE of its own{named}. Here for its family: {_listed(fitting)}."


def vae_is_missing(checkpoint: str, fitting: Sequence[str]) -> InvalidField:
    """The error for an order that names no VAE for such a checkpoint."""
    said = f"the checkpoint {checkpoint} has no VAE of its own"
    if not fitting:
        return InvalidField("vae", f"{said}, and none for its family is here: {_GET_ONE}, then name it")
    words = "choose one" if len(fitting) > 1 else "name the one for its family that is here"
    return InvalidField("vae", f"{said}, so {words}", _listed(fitting))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

"""From ``<lora:name:weight>`` in a prompt to the adapters of a picture: found in the library, fitting its checkpoint.

It joins prompt language and model library; neither knows the other. The words stay in the prompt, as A1111 keeps them,
so that a picture's text says what was asked for.
"""

from __future__ import annotations

import math

from studio.errors import PromptError, UnknownPart
from studio.library import Library
from studio.library.card import ModelCard
from studio.library.support import FAMILY_NAMES
from studio.prompt.plan import ExtraNetwork
from studio.recipe import ResolvedRecipe
from studio.recipe.adapters import MOST_WEIGHT, Adapter

KINDS = ("lora", "lyco")
"""What A1111 calls them; both are looked for among the LoRAs."""

MOST_ADAPTERS = 32


def adapters_of(extras: tuple[ExtraNetwork, ...], field: str, family: str, library: Library) -> tuple[Adapter, ...]:
    """The adapters that a prompt names, in its order; one that is named twice has the sum of its weights.

    Raises:
        PromptError: a kind, name or weight that cannot be used; it points at the column.
        DamagedModel, UnsupportedModel: a file that cannot be used.
    """
    found: dict[str, Adapter] = {}
    for extra in extras:
        unet_weight, text_weight = _weights(extra, field)
        card = _card(extra, field, family, library)
        before = found.get(card.sha256)
        if before is not None:
            unet_weight, text_weight = unet_weight + before.unet_weight, text_weight + before.text_weight
        found[card.sha256] = Adapter(
            name=card.name,
            sha256=card.sha256,
            short_hash=card.adapter_hash,
            unet_weight=unet_weight,
            text_weight=text_weight,
        )
        if len(found) > MOST_ADAPTERS:
            raise PromptError(field, f"more than {MOST_ADAPTERS} LoRAs in one picture", extra.column)
    return tuple(found.values())


def with_adapters(
    recipe: ResolvedRecipe, first: tuple[ExtraNetwork, ...], second: tuple[ExtraNetwork, ...], library: Library
) -> ResolvedRecipe:
    """The recipe with the adapters that the prompts of its ``first`` and ``second`` pass name. Raises as `adapters_of`.

    A second pass whose prompt names none wears none, as A1111 has it (processing.py, `sample_hr_pass`).
    """
    worn = adapters_of(first, "prompt", recipe.family, library)
    later = None if first == second else adapters_of(second, "hires_prompt", recipe.family, library)
    return recipe.model_copy(update={"adapters": worn, "hires_adapters": None if later == worn else later})


def _weights(extra: ExtraNetwork, field: str) -> tuple[float, float]:
    """``name``, ``name:w``, ``name:text:unet`` and ``te=``/``unet=`` as A1111 reads them (its wiki, "Lora")."""
    named: dict[str, str] = {}
    plain: list[str] = []
    for argument in extra.arguments[1:]:
        key, equals, value = argument.partition("=")
        if equals:
            named[key.strip().lower()] = value
        else:
            plain.append(argument)
    strange = sorted(set(named) - {"te", "unet"})
    if strange or len(plain) > 2:
        what = f"{strange[0]!r}" if strange else f"{len(plain)} weights"
        raise PromptError(field, f"a LoRA takes one weight, or two, or te= and unet=; not {what}", extra.column)
    text = _number(named.get("te", plain[0] if plain else "1"), extra, field)
    unet = _number(named["unet"], extra, field) if "unet" in named else text
    if len(plain) == 2:
        unet = _number(plain[1], extra, field)
    return unet, text


def _number(text: str, extra: ExtraNetwork, field: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not -MOST_WEIGHT <= number <= MOST_WEIGHT:
        raise PromptError(
            field, f"{text.strip()!r} is no weight of a LoRA; {-MOST_WEIGHT:g} to {MOST_WEIGHT:g} is", extra.column
        )
    return number


def _card(extra: ExtraNetwork, field: str, family: str, library: Library) -> ModelCard:
    if extra.kind.lower() not in KINDS:
        raise PromptError(field, f"<{extra.kind}:…> cannot be applied; <lora:name:weight> can", extra.column)
    name = extra.arguments[0].strip() if extra.arguments else ""
    if not name:
        raise PromptError(field, "this LoRA has no name", extra.column)
    try:
        card = library.part("lora", name)
    except UnknownPart as error:
        raise PromptError(field, str(error), extra.column) from None
    if card.family not in (family, "unknown", "other"):
        made_for = FAMILY_NAMES.get(card.family, card.family)
        runs = FAMILY_NAMES.get(family, family)  # type: ignore[call-overload]
        raise PromptError(
            field, f"the LoRA {card.name} is made for {made_for}, and the checkpoint is {runs}", extra.column
        )
    return card

"""Presets laid over the form: the form's own values, and an ordered stack of layers that can be taken off again.

What a person changes by hand counts as their own: the layers that are there let go of that field, and one that is laid
on later may set it anew. Of a prompt, what stands where the presets have ``{prompt}`` stays the person's own words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from studio.recipe import Recipe
from studio.recipe.presets import PROMPTS, Preset, filled
from studio.ui.fields import FIELDS, Values, recipe_from

_HERE = "\ue000"
"""Stands for a person's words while it is looked where they go; no keyboard types it."""


@dataclass(frozen=True)
class Layer:
    """A preset in the stack; ``released`` are fields that somebody has changed by hand since. ``automatic``: nobody
    laid it there, it is a default."""

    name: str
    released: frozenset[str] = frozenset()
    automatic: bool = False

    def fields_of(self, preset: Preset) -> list[str]:
        """The fields it sets."""
        return [name for name in preset.fields if name not in self.released]


@dataclass(frozen=True)
class Laid:
    """The recipe with all layers on, and by which presets each field is set."""

    recipe: Recipe
    set_by: dict[str, list[str]]
    frames: dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Stack:
    """The form's ``base`` without presets, the ``layers`` over it, and what was ``shown`` when they were laid."""

    base: Mapping[str, Any]
    layers: tuple[Layer, ...] = ()
    shown: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, said: Any, present: Values) -> Stack:
        """What the page's script remembers; a form that remembers nothing has no layers."""
        if not isinstance(said, dict) or not isinstance(said.get("base"), dict):
            return cls(dict(present))
        base, shown = ({name: part.get(name) for name in FIELDS} for part in (said["base"], said.get("shown") or {}))
        layers = (
            Layer(str(one.get("name")), frozenset(map(str, one.get("released") or ())), bool(one.get("automatic")))
            for one in said.get("layers") or ()
            if isinstance(one, dict)
        )
        return cls(base, tuple(layers), shown)

    def settled(self, present: Values, presets: Mapping[str, Preset]) -> Stack:
        """With what was changed by hand taken for the person's own."""
        shown = self.base if self.shown is None else self.shown
        changed = [name for name in FIELDS if not same(present.get(name), shown.get(name))]
        base, released = dict(self.base), set()
        for name in changed:
            own = self._own_words(name, str(present.get(name) or ""), presets) if name in PROMPTS else None
            base[name] = present.get(name) if own is None else own
            if own is None:
                released.add(name)
        layers = tuple(replace(layer, released=layer.released | released) for layer in self.layers)
        return Stack(base, layers, dict(present))

    def with_names(self, names: Iterable[str]) -> Stack:
        """With these presets in this order; those that are there stay what they are."""
        there = {layer.name: layer for layer in self.layers}
        layers = tuple(there.get(name, Layer(name)) for name in dict.fromkeys(names))
        return replace(self, layers=layers)

    def with_defaults(self, defaults: Iterable[Layer]) -> Stack:
        """With these below what the person laid on, in place of the defaults that are there."""
        there = {layer.name: layer for layer in self.layers}
        chosen = [layer for layer in self.layers if not layer.automatic]
        fresh = [there.get(layer.name, layer) for layer in defaults]
        mine = {layer.name for layer in chosen}
        return replace(self, layers=(*(layer for layer in fresh if layer.name not in mine), *chosen))

    def laid(self, presets: Mapping[str, Preset]) -> Laid:
        """All layers over the base. Raises `InvalidField`."""
        recipe = recipe_from(self.base)
        set_by: dict[str, list[str]] = {}
        for layer in self.layers:
            preset = presets[layer.name]
            fields = preset.laid_over(recipe)
            names = layer.fields_of(preset)
            recipe = recipe.with_fields({name: fields[name] for name in names})
            for name in names:
                set_by[name] = [*(set_by.get(name, []) if name in PROMPTS else []), layer.name]
        frames = {name: frame for name in PROMPTS if name in set_by and (frame := self._frame(name, presets))}
        return Laid(recipe, set_by, frames)

    def _own_words(self, field: str, text: str, presets: Mapping[str, Preset]) -> str | None:
        frame = self._frame(field, presets)
        if frame is None:
            return None
        before, after = frame
        fits = text.startswith(before) and text.endswith(after) and len(text) >= len(before) + len(after)
        return text[len(before) : len(text) - len(after)] if fits else None

    def _frame(self, field: str, presets: Mapping[str, Preset]) -> tuple[str, str] | None:
        """What the layers write before and after a person's words; ``None`` where that cannot be told."""
        text = _HERE
        for layer in self.layers:
            preset = presets.get(layer.name)
            if preset is not None and field in preset.fields and field not in layer.released:
                text = filled(str(preset.fields[field]), text)
        before, here, after = text.partition(_HERE)
        return (before, after) if (before or after) and here and _HERE not in after else None


def same(one: Any, other: Any) -> bool:
    """Whether two values of a field are the same to the person; an empty field has many spellings."""
    if one in (None, "") or other in (None, ""):
        return one in (None, "") and other in (None, "")
    return bool(one == other)

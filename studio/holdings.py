"""What this studio has, and lacks, of a recipe from elsewhere: `take_stock` compares, and says each in words.

What is here under another name is called by the name it has here. What is not here is left out of the recipe, so that
the rest of it can be used at once; only the words of a prompt stay as they were written. It downloads nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from studio.dialects import Part, Reading, read_text, read_texts
from studio.errors import ModelError, NotFound
from studio.library import Library
from studio.library.card import Kind, ModelCard
from studio.library.naming import SINGULARS
from studio.offer import StudioOffer
from studio.pictures.intake import looks_readable
from studio.pictures.texts import texts_in
from studio.recipe import Mode, Recipe
from studio.recipe.model import AUTO
from studio.recipe.templates import Templates
from studio.sources import Sources

SAYS_NOTHING = "This picture does not say how it was made."
_TAG = re.compile(r"<(?:lora|lyco):([^:<>]+)((?::[^<>]*)?)>")
_MODES = {Mode.IMAGE: "a picture", Mode.INPAINT: "a picture and a mask", Mode.FINISH: "a picture"}
_OF_SOURCES = ("mode", "source", "mask", "source_image")
_SHOWN_HASH = 12


@dataclass(frozen=True)
class Item:
    """One thing that a recipe names: its ``kind`` (a kind of model, ``sampler``, ``schedule`` or ``source``), its name
    and hash as they were written, what it is called here (``found``, empty when it is not), and a sentence.
    """

    kind: str
    name: str
    hash: str
    found: str
    words: str


@dataclass
class Stock:
    """What a picture or text says, compared with this studio.

    ``recipe`` holds the fields that can be used here, in JSON values; what it leaves out is as in a new recipe.
    ``templates`` are what its prompts were drawn from, by field. ``unused`` is what no recipe has a place for.
    ``mode`` is the mode it was made in, with or without its source.
    """

    program: str = ""
    recipe: dict[str, Any] = field(default_factory=dict)
    has: list[Item] = field(default_factory=list)
    lacks: list[Item] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unused: dict[str, str] = field(default_factory=dict)
    mode: str = Mode.TEXT.value
    templates: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As the REST routes answer it."""
        return asdict(self)


@dataclass(frozen=True)
class Holdings:
    """What there is to compare with."""

    library: Library
    offer: StudioOffer
    sources: Sources

    def read_file(self, data: bytes) -> Stock:
        """What a file says: a picture, or a text in UTF-8. Raises `InvalidField`."""
        if data and not looks_readable(data):
            try:
                text = data.decode("utf-8-sig")
            except UnicodeDecodeError:
                text = "\0"
            if "\0" not in text:
                return self.read_text(text)
        return self.read_picture(data)

    def read_picture(self, data: bytes) -> Stock:
        """What a picture file says of how it was made.

        Raises:
            InvalidField: no picture that can be read, or prompts longer than a recipe may hold.
        """
        reading = read_texts(texts_in(data))
        return Stock(notes=[SAYS_NOTHING]) if reading is None else self.take_stock(reading)

    def read_text(self, text: str) -> Stock:
        """What a text says: A1111's, or the JSON of one of the programs; else it is a prompt. Raises `InvalidField`."""
        return self.take_stock(read_text(text))

    def take_stock(self, reading: Reading) -> Stock:
        """A reading, compared with what is here."""
        notes, unused = list(reading.notes), dict(reading.unused)
        stock = Stock(reading.program, notes=notes, unused=unused, mode=reading.recipe.mode.value)
        stock.recipe = reading.recipe.model_dump(mode="json", exclude_defaults=True)
        stock.templates = reading.templates.typed()
        self._checkpoint(stock, reading)
        self._samplers(stock, reading.recipe)
        self._upscalers(stock, reading.recipe)
        self._parts(stock, reading)
        self._source(stock, reading.recipe)
        self._vae(stock)
        return stock

    def _vae(self, stock: Stock) -> None:
        """Say so where the checkpoint that is here has no VAE, and nothing names one."""
        card = self._found("checkpoint", str(stock.recipe.get("checkpoint", "")))
        if card is not None and not stock.recipe.get("vae") and not self.library.has_vae(card):
            stock.notes.append(f"The checkpoint “{card.name}”: {card.remark}")

    def _checkpoint(self, stock: Stock, reading: Reading) -> None:
        name, sha256 = reading.recipe.checkpoint, reading.model_hash
        if name == AUTO and not sha256:
            return
        shown = sha256 if name in (AUTO, sha256) else name
        card = self._found("checkpoint", sha256) or self._found("checkpoint", name if name != AUTO else "")
        stock.recipe.pop("checkpoint", None)
        if card is not None:
            stock.recipe["checkpoint"] = card.name
            self._same(stock, card, shown, sha256)
        else:
            words = f"The checkpoint “{shown}” is not here; with another one it becomes another picture."
            stock.lacks.append(Item("checkpoint", shown, sha256, "", words))

    def _same(self, stock: Stock, card: ModelCard, name: str, sha256: str) -> None:
        """Say that a model is here, and whether it is the very one."""
        word, other = SINGULARS[card.kind], card.name.casefold() != name.casefold()
        known = [one for one in (card.sha256, card.payload_sha256, card.kohya_hash) if one]
        if sha256 and known and not any(one.startswith(sha256[:_SHOWN_HASH].lower()) for one in known):
            words = f"A {word} called “{card.name}” is here, but its weights are others: the picture may differ."
        else:
            words = f"The {word} “{name}” is here" + (f", called “{card.name}”." if other else ".")
        stock.has.append(Item(card.kind, name, sha256, card.name, words))

    def _samplers(self, stock: Stock, recipe: Recipe) -> None:
        for name, kind in (("sampler", "sampler"), ("schedule", "schedule")):
            for prefix in ("", "hires_"):
                asked = getattr(recipe, prefix + name)
                if asked.lower() in (AUTO, "automatic", "same", ""):
                    continue
                try:
                    found = self.offer.sampler(asked).name if kind == "sampler" else self.offer.schedule(asked)
                except NotFound as error:
                    del stock.recipe[prefix + name]
                    stock.lacks.append(Item(kind, asked, "", "", str(error)))
                    continue
                stock.recipe[prefix + name] = found
                _once(stock.has, Item(kind, asked, "", found, f"The {kind} {found} is here."))

    def _upscalers(self, stock: Stock, recipe: Recipe) -> None:
        for name, latent in (("hires_upscaler", True), ("upscaler", False)):
            if name not in stock.recipe:
                continue
            asked = getattr(recipe, name)
            try:
                found = self.offer.upscaler(asked, latent=latent).name
            except (NotFound, ModelError):
                del stock.recipe[name]
                words = f"The upscaler “{asked}” is not here; the one that comes first is taken."
                stock.lacks.append(Item("upscaler", asked, "", "", words))
                continue
            stock.recipe[name] = found
            stock.has.append(Item("upscaler", asked, "", found, f"The upscaler {found} is here."))

    def _parts(self, stock: Stock, reading: Reading) -> None:
        """LoRAs and the like: those of the prompt by the names they have here, those beside it put into it."""
        hashes = {part.name: part.hash for part in reading.parts if part.kind == "lora" and part.weight is None}
        for name in Templates.model_fields:
            if name in stock.recipe:
                stock.recipe[name] = _TAG.sub(lambda found: self._tag(stock, found, hashes), stock.recipe[name])
            if name in stock.templates:
                stock.templates[name] = _TAG.sub(lambda found: self._tag(stock, found, hashes), stock.templates[name])
        for part in reading.parts:
            if part.kind == "lora" and part.weight is None:
                continue
            card = self._of_part(stock, part)
            if part.kind == "vae":
                stock.recipe.pop("vae", None)
                stock.recipe |= {"vae": card.name} if card is not None else {}
            if card is not None and part.kind == "lora":
                tag = f"<lora:{card.name}:{part.weight:g}>"
                stock.recipe["prompt"] = f"{stock.recipe.get('prompt', '')} {tag}".strip()

    def _tag(self, stock: Stock, found: re.Match[str], hashes: Mapping[str, str]) -> str:
        name, weights = found[1].strip(), found[2]
        card = self._of_part(stock, Part("lora", name, hashes.get(name, "")))
        return f"<lora:{card.name}{weights}>" if card is not None else found[0]

    def _of_part(self, stock: Stock, part: Part) -> ModelCard | None:
        kind: Kind = next((one for one in SINGULARS if one == part.kind), "unknown")
        card = self._found(kind, part.hash) or self._found(kind, part.name)
        if card is not None:
            self._same(stock, card, part.name, part.hash)
            return card
        word = SINGULARS[kind]
        in_prompt = kind == "lora" and part.weight is None
        advice = (
            " Put its file into the models folder, or take it out of the prompt." if in_prompt else " It is left out."
        )
        words = f"The {word} “{part.name}” is not here.{advice}"
        _once(stock.lacks, Item(part.kind, part.name, part.hash, "", words))
        return None

    def _found(self, kind: Kind, name: str) -> ModelCard | None:
        """The model of that name or beginning of a hash, if it can be used; nothing large is read to find it."""
        if not name.strip():
            return None
        try:
            find = self.library.find if kind == "checkpoint" else None
            return find(name, hashed=False) if find else self.library.part(kind, name, hashed=False)
        except (NotFound, ModelError):
            return None

    def _source(self, stock: Stock, recipe: Recipe) -> None:
        if recipe.mode is Mode.TEXT:
            return
        named = [sha256 for sha256 in (recipe.source, recipe.mask) if sha256]
        if recipe.source and all(self.sources.blobs.has(sha256) for sha256 in named):
            words = f"The {'picture and mask' if recipe.mask else 'picture'} it began from is here."
            stock.has.append(Item("source", recipe.source, recipe.source, recipe.source, words))
            return
        for name in _OF_SOURCES:
            stock.recipe.pop(name, None)
        words = f"It was made from {_MODES[recipe.mode]}, which the file does not bring: choose one to begin from."
        stock.lacks.append(Item("source", recipe.source, recipe.source, "", words))


def _once(items: list[Item], item: Item) -> None:
    if item not in items:
        items.append(item)


def lines(stock: Stock) -> Iterator[str]:
    """What a stock says, as lines for a terminal."""
    if stock.program:
        yield f"Made with {stock.program}."
    yield from (f"{name}: {value}" for name, value in stock.recipe.items())
    yield from (f"+ {item.words}" for item in stock.has)
    yield from (f"- {item.words}" for item in stock.lacks)
    yield from stock.notes
    if stock.unused:
        yield f"No place for: {', '.join(f'{key}: {value}' for key, value in stock.unused.items())}"

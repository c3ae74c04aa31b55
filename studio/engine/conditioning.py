"""From prompt plans to what the UNet attends to: each distinct text through the text encoders once, with word weights.

It owns clip skip, what a word weight does to embeddings, and the padding of prompt and negative prompt to the same
number of chunks. Chunks are encoded one by one, so a text has the same embedding whatever else is asked. It refuses
to read prompts: that is ``studio.prompt``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from studio.engine.embeddings import FIRST_ID, EmbeddingShelf, known_ids, taught
from studio.engine.placement import Placement
from studio.errors import InvalidField
from studio.prompt import NO_WORDS, Chunk, PromptPlan, Tokenizer, Words, chunked, empty_chunk
from studio.prompt.plan import Text, plain
from studio.recipe.model import Emphasis

CACHED_CHUNKS = 256
"""A chunk of Stable Diffusion 1.x takes 240 kB in float32, so this is 60 MB at most."""

XL_LAYER = 2
"""Stable Diffusion XL was trained on the last layer but one of both encoders (Podell et al. 2023, arXiv:2307.01952)."""


@dataclass(frozen=True, eq=False)
class StepConditioning:
    """What one step of one picture is steered by.

    ``positives`` are (factor on the guidance, context) for each side of ``AND``; ``negative`` is the context of the
    negative prompt. All contexts are (tokens, width) with the same number of tokens. ``pooled`` has a (width,) vector
    for each positive and then the negative, where the network wants such; else it is empty.
    """

    positives: tuple[tuple[float, Tensor], ...]
    negative: Tensor
    pooled: tuple[Tensor, ...] = ()

    @property
    def tokens(self) -> int:
        return int(self.negative.shape[0])


@dataclass(frozen=True, eq=False)
class Encoded:
    """A chunk as the UNet reads it: ``embeddings`` (77, width), and ``pooled`` (pooled width,) for the whole of it."""

    embeddings: Tensor
    pooled: Tensor | None = None


ReadTexts = OrderedDict[tuple[Chunk, int, Emphasis], Encoded]
"""The chunks encoded lately. They stay true as long as the text encoders' weights do."""


class TextEncoder:
    """One text encoder with its tokenizer, on its device: number ``place`` of ``places`` in its checkpoint."""

    def __init__(
        self, network: Any, tokenizer: Tokenizer, placement: Placement, place: int = 0, places: int = 1
    ) -> None:
        self.tokenizer = tokenizer
        self.network = network
        # transformers 4 keeps the transformer in ``text_model``, transformers 5 is that transformer itself.
        self._final_layer_norm = getattr(network, "text_model", network).final_layer_norm
        self.layers = int(network.config.num_hidden_layers)
        self.has_pooled = hasattr(network, "text_projection")
        self._placement = placement
        self._place, self._places = place, places

    def last(self, token_ids: Sequence[int], clip_skip: int, shelf: EmbeddingShelf | None) -> Tensor:
        """Layer ``clip_skip`` from the end through the final norm, (77, width)."""
        if clip_skip == 1:
            final: Tensor = self._read(token_ids, shelf, all_layers=False).last_hidden_state[0]
            return final
        hidden = self._read(token_ids, shelf).hidden_states[-clip_skip]
        normed: Tensor = self._final_layer_norm(hidden)[0]
        return normed

    def inner(
        self, token_ids: Sequence[int], clip_skip: int, shelf: EmbeddingShelf | None
    ) -> tuple[Tensor, Tensor | None]:
        """Layer ``clip_skip`` from the end as it is, (77, width), and the pooled vector where there is one."""
        output = self._read(self._padded(token_ids), shelf)
        pooled = self._pooled(output.last_hidden_state, token_ids) if self.has_pooled else None
        return output.hidden_states[-clip_skip][0], pooled

    def _pooled(self, final: Tensor, token_ids: Sequence[int]) -> Tensor:
        # Where the text ends: CLIP reads the sentence from its end token (Radford et al. 2021, section 2.4).
        end = list(token_ids).index(self.tokenizer.end, 1)
        projected: Tensor = self.network.text_projection(final[:, end])[0]
        return projected

    def _padded(self, token_ids: Sequence[int]) -> Sequence[int]:
        """The same text with this tokenizer's own padding: SDXL's two tokenizers differ in nothing else."""
        end = list(token_ids).index(self.tokenizer.end, 1)
        return [*token_ids[: end + 1], *[self.tokenizer.pad] * (len(token_ids) - end - 1)]

    def _read(self, token_ids: Sequence[int], shelf: EmbeddingShelf | None, *, all_layers: bool = True) -> Any:
        """What the network says of a text; ids that stand for learned vectors are looked up in ``shelf``."""
        learned = {place: one for place, one in enumerate(token_ids) if one >= FIRST_ID}
        width = int(self.network.config.hidden_size)
        vectors = {
            place: shelf.vector(one, self._place, width, self._places)
            for place, one in learned.items()
            if shelf is not None
        }
        ids = torch.tensor([known_ids(token_ids)], device=self._placement.device)
        with taught(self.network, vectors):
            return self.network(ids, output_hidden_states=all_layers)


class TextConditioner:
    """The text encoders of a checkpoint, and the chunks they have encoded lately. ``placement`` is the UNet's."""

    def __init__(self, encoders: Sequence[TextEncoder], placement: Placement, read: ReadTexts | None = None) -> None:
        self.tokenizer = encoders[0].tokenizer
        self.is_xl = len(encoders) > 1
        self._encoders = tuple(encoders)
        self._placement = placement
        self._read = ReadTexts() if read is None else read

    def encode(self, chunk: Chunk, clip_skip: int, emphasis: Emphasis, shelf: EmbeddingShelf | None = None) -> Encoded:
        """One chunk in the UNet's dtype. ``shelf`` has the vectors behind ids that no tokenizer gives.

        Raises:
            InvalidField: ``clip_skip`` reaches beyond the first layer of this text encoder.
            UnsupportedModel: an embedding that is made for other text encoders.
        """
        layers = min(encoder.layers for encoder in self._encoders)
        if clip_skip > layers:
            raise InvalidField("clip_skip", f"this checkpoint's text encoder has {layers} layers", f"1 to {layers}")
        key = (chunk, clip_skip, emphasis)
        found = self._read.get(key)
        if found is None:
            found = self._read[key] = self._encode(chunk, clip_skip, emphasis, shelf)
            if len(self._read) > CACHED_CHUNKS:
                self._read.popitem(last=False)
        else:
            self._read.move_to_end(key)
        return found

    def _encode(self, chunk: Chunk, clip_skip: int, emphasis: Emphasis, shelf: EmbeddingShelf | None) -> Encoded:
        if not self.is_xl:
            embeddings = self._encoders[0].last(chunk.token_ids, clip_skip, shelf)
            return Encoded(self._here(weighted(embeddings, chunk.weights, emphasis)))
        read = [encoder.inner(chunk.token_ids, max(clip_skip, XL_LAYER), shelf) for encoder in self._encoders]
        embeddings = torch.cat([self._here(weighted(one, chunk.weights, emphasis)) for one, _ in read], dim=-1)
        pooled = [one for _, one in read if one is not None]
        return Encoded(embeddings, self._here(pooled[-1]))

    def _here(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._placement.device, self._placement.dtype)


def weighted(embeddings: Tensor, weights: tuple[float, ...], emphasis: Emphasis) -> Tensor:
    """Embeddings (77, width) with the tokens' weights applied, in the same dtype.

    ``ORIGINAL`` scales the result so that its mean over the whole chunk is the one it had (A1111's wiki,
    "Attention/emphasis").
    """
    if emphasis is Emphasis.IGNORE or all(weight == 1.0 for weight in weights):
        return embeddings
    exact = embeddings.float()
    scaled = exact * torch.tensor(weights, device=embeddings.device)[:, None]
    if emphasis is Emphasis.ORIGINAL:
        scaled = scaled * (exact.mean() / scaled.mean())
    return scaled.to(embeddings.dtype)


class PictureConditioning:
    """Prompt and negative prompt of one picture, encoded, step by step. ``words`` are its embeddings, ``shelf`` has
    their vectors.
    """

    def __init__(
        self,
        conditioner: TextConditioner,
        prompt: PromptPlan,
        negative_prompt: PromptPlan,
        clip_skip: int,
        emphasis: Emphasis,
        words: Words = NO_WORDS,
        shelf: EmbeddingShelf | None = None,
    ) -> None:
        self._prompt = prompt
        self._negative_prompt = negative_prompt
        texts = (*prompt.variants, *negative_prompt.variants)
        self._chunks = {
            text: [
                conditioner.encode(chunk, clip_skip, emphasis, shelf)
                for chunk in chunked(text, conditioner.tokenizer, words=words)
            ]
            for text in dict.fromkeys(texts)
        }
        self._padding = conditioner.encode(empty_chunk(conditioner.tokenizer), clip_skip, emphasis)
        # SDXL was trained with zeros, not an empty text, for no prompt (diffusers, force_zeros_for_empty_prompt).
        empty = negative_prompt.at(0)[0].text if len(negative_prompt.variants) == 1 else None
        self._zeroed = empty if conditioner.is_xl and empty is not None and not plain(empty).strip() else None
        self._step: tuple[object, StepConditioning] | None = None

    def at(self, step: int) -> StepConditioning:
        """The conditioning of ``step``, counted from 0; the same object as long as nothing changes."""
        positives = self._prompt.at(step)
        # A negative prompt has no AND: what is written after it says "not this" just the same, so its first part
        # counts.
        negative = self._negative_prompt.at(step)[0]
        asked = (positives, negative)
        if self._step is None or self._step[0] != asked:
            length = max(len(self._chunks[text]) for text in (negative.text, *(part.text for part in positives)))
            conditioning = StepConditioning(
                tuple((part.weight, self._context(part.text, length)) for part in positives),
                self._negative(self._context(negative.text, length), negative.text),
                self._pooled([part.text for part in positives], negative.text),
            )
            self._step = (asked, conditioning)
        return self._step[1]

    def _negative(self, tensor: Tensor, text: Text) -> Tensor:
        return torch.zeros_like(tensor) if text == self._zeroed else tensor

    def _pooled(self, positives: Sequence[Text], negative: Text) -> tuple[Tensor, ...]:
        """Of each text's first chunk, as A1111 takes it."""
        vectors = [self._chunks[text][0].pooled for text in (*positives, negative)]
        found = [one for one in vectors if one is not None]
        return (*found[:-1], self._negative(found[-1], negative)) if found else ()

    def _context(self, text: Text, length: int) -> Tensor:
        chunks = [chunk.embeddings for chunk in self._chunks[text]]
        return torch.cat([*chunks, *[self._padding.embeddings] * (length - len(chunks))])

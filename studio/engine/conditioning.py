"""From prompt plans to what the UNet attends to: each distinct text through the text encoder once, with word weights.

It owns clip skip, what a word weight does to embeddings, and the padding of prompt and negative prompt to the same
number of chunks. Chunks are encoded one by one, so a text has the same embedding whatever else is asked. It refuses
to read prompts: that is ``studio.prompt``.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from studio.engine.placement import Placement
from studio.errors import InvalidField
from studio.prompt import Chunk, PromptPlan, Tokenizer, chunked, empty_chunk
from studio.prompt.plan import Text
from studio.recipe.model import Emphasis

CACHED_CHUNKS = 256
"""A chunk of Stable Diffusion 1.x takes 240 kB in float32, so this is 60 MB at most."""


@dataclass(frozen=True, eq=False)
class StepConditioning:
    """What one step of one picture is steered by.

    ``positives`` are (factor on the guidance, context) for each side of ``AND``; ``negative`` is the context of the
    negative prompt. All contexts are (tokens, width) with the same number of tokens.
    """

    positives: tuple[tuple[float, Tensor], ...]
    negative: Tensor

    @property
    def tokens(self) -> int:
        return int(self.negative.shape[0])


class TextConditioner:
    """A text encoder with its tokenizer, and the chunks it has encoded lately."""

    def __init__(self, text_encoder: Any, tokenizer: Tokenizer, placement: Placement) -> None:
        self.tokenizer = tokenizer
        self._encoder = text_encoder
        # transformers 4 keeps the transformer in ``text_model``, transformers 5 is that transformer itself.
        self._final_layer_norm = getattr(text_encoder, "text_model", text_encoder).final_layer_norm
        self._layers = int(text_encoder.config.num_hidden_layers)
        self._placement = placement
        self._encoded: OrderedDict[tuple[Chunk, int, Emphasis], Tensor] = OrderedDict()

    def encode(self, chunk: Chunk, clip_skip: int, emphasis: Emphasis) -> Tensor:
        """The embeddings of one chunk, (77, width) in the networks' dtype.

        Raises:
            InvalidField: ``clip_skip`` reaches beyond the first layer of this text encoder.
        """
        key = (chunk, clip_skip, emphasis)
        found = self._encoded.get(key)
        if found is None:
            found = self._encode(chunk, clip_skip, emphasis)
            self._encoded[key] = found
            if len(self._encoded) > CACHED_CHUNKS:
                self._encoded.popitem(last=False)
        else:
            self._encoded.move_to_end(key)
        return found

    def _encode(self, chunk: Chunk, clip_skip: int, emphasis: Emphasis) -> Tensor:
        if clip_skip > self._layers:
            raise InvalidField(
                "clip_skip", f"this checkpoint's text encoder has {self._layers} layers", f"1 to {self._layers}"
            )
        token_ids = torch.tensor([chunk.token_ids], device=self._placement.device)
        if clip_skip == 1:
            embeddings = self._encoder(token_ids).last_hidden_state[0]
        else:
            hidden = self._encoder(token_ids, output_hidden_states=True).hidden_states[-clip_skip]
            embeddings = self._final_layer_norm(hidden)[0]
        return weighted(embeddings, chunk.weights, emphasis)


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
    """Prompt and negative prompt of one picture, encoded, step by step."""

    def __init__(
        self,
        conditioner: TextConditioner,
        prompt: PromptPlan,
        negative_prompt: PromptPlan,
        clip_skip: int,
        emphasis: Emphasis,
    ) -> None:
        self._prompt = prompt
        self._negative_prompt = negative_prompt
        texts = (*prompt.variants, *negative_prompt.variants)
        self._chunks = {
            text: [conditioner.encode(chunk, clip_skip, emphasis) for chunk in chunked(text, conditioner.tokenizer)]
            for text in dict.fromkeys(texts)
        }
        self._padding = conditioner.encode(empty_chunk(conditioner.tokenizer), clip_skip, emphasis)
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
                self._context(negative.text, length),
            )
            self._step = (asked, conditioning)
        return self._step[1]

    def _context(self, text: Text, length: int) -> Tensor:
        chunks = self._chunks[text]
        return torch.cat([*chunks, *[self._padding] * (length - len(chunks))])

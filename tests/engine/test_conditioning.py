"""Embeddings against transformers' own pipeline of tokenizer and text encoder, and what weights do to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

from studio.engine.conditioning import PictureConditioning, weighted
from studio.engine.load import LoadedCheckpoint, load_checkpoint
from studio.errors import InvalidField
from studio.prompt import parse
from studio.recipe.model import Emphasis
from tests.engine.conftest import CPU, finished


@pytest.fixture(scope="module")
def pipeline(toy: Path) -> Any:
    return StableDiffusionPipeline.from_pretrained(toy)


def picture(
    loaded: LoadedCheckpoint,
    prompt: str,
    negative: str = "",
    clip_skip: int = 1,
    emphasis: Emphasis = Emphasis.ORIGINAL,
) -> PictureConditioning:
    plans = parse(prompt, "prompt", 10), parse(negative, "negative_prompt", 10)
    return PictureConditioning(loaded.conditioner, *plans, clip_skip, emphasis)


@torch.inference_mode()
def test_plain_prompts_are_encoded_as_diffusers_encodes_them(loaded: LoadedCheckpoint, pipeline: Any) -> None:
    positive, negative = pipeline.encode_prompt("a red cat", "cpu", 1, True, "the dog")
    ours = picture(loaded, "a red cat", "the dog").at(0)
    torch.testing.assert_close(ours.positives[0][1], positive[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.negative, negative[0], rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_clip_skip_takes_an_earlier_layer_through_the_final_norm(loaded: LoadedCheckpoint, pipeline: Any) -> None:
    tokens = pipeline.tokenizer("a red cat", padding="max_length", max_length=77, return_tensors="pt").input_ids
    encoder = pipeline.text_encoder
    transformer = getattr(encoder, "text_model", encoder)
    # The second last layer's output is what the last layer takes in.
    seen: list[torch.Tensor] = []
    hook = transformer.encoder.layers[-1].register_forward_pre_hook(lambda _layer, inputs: seen.append(inputs[0]))
    encoder(tokens)
    hook.remove()
    expected = transformer.final_layer_norm(seen[0])[0]
    prompt = picture(loaded, "a red cat", "", clip_skip=2).at(0).positives[0][1]
    negative = picture(loaded, "", "a red cat", clip_skip=2).at(0).negative
    for ours in (prompt, negative):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_clip_skip_beyond_the_first_layer_is_refused(loaded: LoadedCheckpoint) -> None:
    with pytest.raises(InvalidField, match="has 2 layers"):
        picture(loaded, "a cat", clip_skip=3)


@torch.inference_mode()
def test_weights_scale_their_tokens_and_keep_the_mean(loaded: LoadedCheckpoint) -> None:
    plain = picture(loaded, "a red cat").at(0).positives[0][1]
    heavy = picture(loaded, "a (red:1.5) cat").at(0).positives[0][1]
    bare = picture(loaded, "a (red:1.5) cat", emphasis=Emphasis.NO_NORM).at(0).positives[0][1]
    none = picture(loaded, "a (red:1.5) cat", emphasis=Emphasis.IGNORE).at(0).positives[0][1]
    assert torch.equal(none, plain)
    expected = plain.clone()
    expected[2] *= 1.5  # start, a, red
    torch.testing.assert_close(bare, expected)
    torch.testing.assert_close(heavy, expected * (plain.mean() / expected.mean()))
    torch.testing.assert_close(heavy.mean(), plain.mean())


def test_mean_restoration_by_hand() -> None:
    embeddings = torch.tensor([[1.0, 3.0], [2.0, 2.0]])
    # Weighted: 2, 6, 2, 2 with mean 3; restored to mean 2.
    expected = torch.tensor([[2.0, 6.0], [2.0, 2.0]]) * 2 / 3
    torch.testing.assert_close(weighted(embeddings, (2.0, 1.0), Emphasis.ORIGINAL), expected)


@torch.inference_mode()
def test_long_prompts_are_chunked_and_the_other_side_is_padded(loaded: LoadedCheckpoint) -> None:
    long = " ".join(["cat"] * 100)
    both = picture(loaded, long, "the dog").at(0)
    assert both.positives[0][1].shape == (154, 32)
    assert both.tokens == 154
    short = picture(loaded, "the dog", "").at(0)
    torch.testing.assert_close(both.negative[:77], short.positives[0][1])
    torch.testing.assert_close(both.negative[77:], short.negative)
    first = picture(loaded, " ".join(["cat"] * 75)).at(0).positives[0][1]
    torch.testing.assert_close(both.positives[0][1][:77], first)


@torch.inference_mode()
def test_and_editing_and_alternation(loaded: LoadedCheckpoint) -> None:
    steered = picture(loaded, "a cat :1.5 AND [red:blue:0.5] dog :0.5")
    early, late = steered.at(4), steered.at(6)
    assert [weight for weight, _ in early.positives] == [1.5, 0.5]
    assert torch.equal(early.positives[0][1], late.positives[0][1])
    assert not torch.equal(early.positives[1][1], late.positives[1][1])
    assert steered.at(4) is steered.at(4)
    turns = picture(loaded, "a [cat|dog]")
    texts = [turns.at(step).positives[0][1] for step in range(1, 5)]
    assert torch.equal(texts[0], texts[2]) and torch.equal(texts[1], texts[3]) and not torch.equal(texts[0], texts[1])


@torch.inference_mode()
def test_each_text_is_encoded_once(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = finished(load_checkpoint(toy, CPU))
    calls = []
    encoder = loaded.conditioner._encoders[0].network
    monkeypatch.setattr(encoder, "forward", _counting(encoder.forward, calls))
    for _ in range(3):
        for step in range(10):
            picture(loaded, "a [cat|dog] AND a cat", "red").at(step)
    assert len(calls) == 4  # a cat, a dog, red, and the empty chunk for padding


def _counting(forward: Any, calls: list[int]) -> Any:
    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        return forward(*arguments, **options)

    return counted

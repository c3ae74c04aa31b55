"""The prompt language: from what a person types to what is encoded at which step.

    plan = parse("a (cat:1.2) AND [dog:wolf:0.5] :0.8", steps=20)
    encoded = {text: encode(chunked(text, tokenizer)) for text in plan.variants}
    for condition in plan.at(step):                      # step counts from 0
        encoded[condition.text], condition.weight

Owns A1111's language (emphasis, ``BREAK``, prompt editing, alternation, ``AND``), cutting into chunks, and counting
tokens. It refuses tensors: what a weight does to an embedding is the engine's.
"""

from __future__ import annotations

from studio.prompt.chunks import CHUNK_TOKENS, NO_WORDS, Chunk, TokenCount, Tokenizer, Words, chunked, empty_chunk
from studio.prompt.parse import count_tokens, parse
from studio.prompt.plan import (
    Break,
    ExtraNetwork,
    Piece,
    PromptPlan,
    Remark,
    Scheduled,
    SubPrompt,
    Text,
    WeightedCondition,
    WeightedText,
    plain,
)

__all__ = [
    "CHUNK_TOKENS",
    "NO_WORDS",
    "Break",
    "Chunk",
    "ExtraNetwork",
    "Piece",
    "PromptPlan",
    "Remark",
    "Scheduled",
    "SubPrompt",
    "Text",
    "TokenCount",
    "Tokenizer",
    "WeightedCondition",
    "WeightedText",
    "Words",
    "chunked",
    "count_tokens",
    "empty_chunk",
    "parse",
    "plain",
]

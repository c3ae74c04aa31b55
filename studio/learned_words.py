"""From the words of a prompt to the embeddings they stand for: those of the library that fit the picture's checkpoint.

As in A1111 an embedding is called by the name of its file, anywhere in a prompt, whatever its case; where it stands is
found token by token. One that is made for another family is no word here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from studio.library import Library
from studio.library.card import ModelCard
from studio.prompt import Chunk, PromptPlan, Tokenizer, Words, chunked
from studio.recipe import ResolvedRecipe
from studio.recipe.adapters import LearnedWord

FIRST_ID = 1_000_000
"""Beyond the ids of every tokenizer."""


class Vocabulary:
    """The embeddings that fit checkpoints of ``family``, as words of their ``tokenizer``."""

    def __init__(self, library: Library, family: str, tokenizer: Tokenizer) -> None:
        cards: dict[tuple[int, ...], ModelCard] = {}
        for card in library.parts("embedding"):
            tokens = tuple(tokenizer.encode(word_of(card)))
            if card.usable and tokens and card.family in (family, "unknown", "other"):
                cards.setdefault(tokens, card)
        self._tokenizer = tokenizer
        self._library = library
        self._by_id: dict[int, ModelCard] = {}
        words: dict[tuple[int, ...], tuple[int, ...]] = {}
        for number, (tokens, card) in enumerate(cards.items()):
            first = FIRST_ID + 100 * number
            words[tokens] = tuple(range(first, first + max(card.vectors, 1)))
            self._by_id[first] = card
        self.words: Words = words

    def used_in(self, plans: Iterable[PromptPlan]) -> tuple[LearnedWord, ...]:
        """The embeddings that these prompts name, in their order.

        Raises:
            DamagedModel: the file of one cannot be read.
        """
        return tuple(self._word(card) for card in self._cards_in(plans))

    def names_in(self, plan: PromptPlan) -> list[str]:
        """The words of the embeddings that a prompt names, in their order; no file is read."""
        return [word_of(card) for card in self._cards_in([plan])]

    def _cards_in(self, plans: Iterable[PromptPlan]) -> list[ModelCard]:
        if not self.words:
            return []
        texts = (text for plan in plans for text in plan.variants)
        chunks = (chunk for text in texts for chunk in chunked(text, self._tokenizer, words=self.words))
        found = dict.fromkeys(one for chunk in chunks for one in self._named(chunk))
        return [self._by_id[one] for one in found]

    def _named(self, chunk: Chunk) -> Sequence[int]:
        return [one for one in chunk.token_ids if one in self._by_id]

    def _word(self, card: ModelCard) -> LearnedWord:
        hashed = self._library.part("embedding", card.name)
        return LearnedWord(name=word_of(card), sha256=hashed.sha256, short_hash=hashed.adapter_hash)


def word_of(card: ModelCard) -> str:
    """What an embedding is called in a prompt: its file's name."""
    return card.path.stem


def with_learned_words(recipe: ResolvedRecipe, plans: Iterable[PromptPlan], vocabulary: Vocabulary) -> ResolvedRecipe:
    """The recipe with the embeddings that its prompts name. Raises as `Vocabulary.used_in`."""
    words = vocabulary.used_in(plans)
    return recipe.model_copy(update={"learned_words": words}) if words else recipe

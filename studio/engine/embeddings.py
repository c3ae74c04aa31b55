"""Embeddings (textual inversion, Gal et al. 2022, arXiv:2208.01618): learned vectors that a word stands for.

Each vector gets a token id of its own, beyond those of every tokenizer and never given twice, so that chunks of token
ids say all there is to know of a text. It owns the reading of the files and these ids; where a word stands in a prompt
is found by ``studio.prompt.chunks``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from studio.errors import DamagedModel, UnsupportedModel
from studio.library.parts import XL_EMBEDDINGS
from studio.library.stamps import stamp
from studio.prompt import CHUNK_TOKENS, Tokenizer, Words
from studio.recipe.events import PictureOrder

FIRST_ID = 1_000_000
"""CLIP's vocabulary has 49,408 tokens."""


class EmbeddingShelf:
    """The embeddings used since the start. A vector takes 3 kB, so they are kept."""

    def __init__(self) -> None:
        self._files: dict[Path, tuple[object, tuple[int, ...]]] = {}
        self._vectors: dict[int, tuple[str, tuple[Tensor, ...]]] = {}
        self._next_id = FIRST_ID

    def words(self, order: PictureOrder, tokenizer: Tokenizer) -> Words:
        """The embeddings of a picture, by the tokens of their names.

        Raises:
            DamagedModel, UnsupportedModel: a file that cannot be read or used.
        """
        named = order.recipe.learned_words
        return {tuple(tokenizer.encode(one.name)): self._ids(order.files[one.sha256], one.name) for one in named}

    def vector(self, token_id: int, encoder: int, width: int, encoders: int) -> Tensor:
        """The vector (width,) behind an id, for text encoder number ``encoder`` of ``encoders``.

        Raises:
            UnsupportedModel: it is made for text encoders of another width or number.
        """
        name, vectors = self._vectors[token_id]
        if len(vectors) != encoders or vectors[encoder].shape[-1] != width:
            made_for = " and ".join(str(vector.shape[-1]) for vector in vectors)
            raise UnsupportedModel(
                f"The embedding {name} does not fit this checkpoint: its vectors have {made_for} numbers, and the "
                f"{'second ' if encoder else ''}text encoder reads {width}."
            )
        return vectors[encoder]

    def _ids(self, path: Path, name: str) -> tuple[int, ...]:
        as_of = stamp(path)
        known = self._files.get(path)
        if known is None or known[0] != as_of:
            rows = read_embedding(path)
            ids = tuple(range(self._next_id, self._next_id + len(rows)))
            self._next_id += len(rows)
            self._vectors |= {one: (name, row) for one, row in zip(ids, rows, strict=True)}
            known = self._files[path] = (as_of, ids)
        return known[1]


def read_embedding(path: Path) -> list[tuple[Tensor, ...]]:
    """The vectors of a file, in order; each as one tensor (width,) per text encoder.

    Raises:
        DamagedModel: it cannot be read.
        UnsupportedModel: it holds something else, or more vectors than a chunk of a prompt takes.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise DamagedModel(f"The embedding {path.name} cannot be read: {error}. Download it again.") from error
    both = next((names for names in XL_EMBEDDINGS if set(tensors) == set(names)), None)
    if both:
        parts = [tensors[name] for name in both]
    elif "emb_params" in tensors or len(tensors) == 1:
        parts = [tensors.get("emb_params", next(iter(tensors.values())))]
    else:
        raise UnsupportedModel(f"The embedding {path.name} holds nothing that the studio knows how to apply.")
    rows = [part.float().reshape(-1, part.shape[-1]) if part.dim() else part for part in parts]
    if any(part.dim() != 2 for part in rows) or len({len(part) for part in rows}) != 1:
        raise UnsupportedModel(f"The embedding {path.name} holds tensors of a strange shape.")
    if not 1 <= len(rows[0]) <= CHUNK_TOKENS:
        raise UnsupportedModel(
            f"The embedding {path.name} has {len(rows[0])} vectors, and {CHUNK_TOKENS} fit into a prompt at once."
        )
    return list(zip(*rows, strict=True))


@contextmanager
def taught(network: Any, vectors: Mapping[int, Tensor]) -> Iterator[None]:
    """While it lasts, the text encoder ``network`` reads these vectors (width,) at these places of its input."""
    if not vectors:
        yield
        return

    def put(_module: Any, _inputs: Any, output: Tensor) -> Tensor:
        result = output.clone()
        for place, vector in vectors.items():
            result[:, place] = vector.to(result)
        return result

    hook = network.get_input_embeddings().register_forward_hook(put)
    try:
        yield
    finally:
        hook.remove()


def known_ids(token_ids: Sequence[int]) -> list[int]:
    """The ids with 0 in the place of those that stand for vectors, as a network can take them."""
    return [one if one < FIRST_ID else 0 for one in token_ids]

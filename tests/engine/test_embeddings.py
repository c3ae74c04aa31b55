"""Embeddings: their vectors stand where their names do, against the text encoder of transformers fed by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from studio.engine.build import create_engine
from studio.engine.embeddings import FIRST_ID, EmbeddingShelf, read_embedding
from studio.engine.load import LoadedCheckpoint, load_checkpoint
from studio.engine.step_engine import StepEngine
from studio.errors import DamagedModel, UnsupportedModel
from studio.prompt import chunked, parse
from studio.recipe import Emphasis
from studio.recipe.adapters import LearnedWord
from studio.recipe.events import Event, PictureDone, PictureFailed, PictureOrder
from tests.engine.conftest import CPU, finished
from tests.engine.recipes import finish, resolved

SHA = "e" * 64


@pytest.fixture(scope="module")
def loaded(toy: Path) -> LoadedCheckpoint:
    return finished(load_checkpoint(toy, CPU))


def width_of(loaded: LoadedCheckpoint) -> int:
    return int(loaded.conditioner._encoders[0].network.config.hidden_size)


def put(path: Path, *shape: int, seed: int = 0) -> torch.Tensor:
    vectors = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    save_file({"emb_params": vectors}, path)
    return vectors


def order(toy: Path, path: Path, prompt: str, name: str = "glow") -> PictureOrder:
    words = (LearnedWord(name=name, sha256=SHA, short_hash="e" * 12),)
    return PictureOrder("one", 0, resolved(prompt=prompt, steps=2, seed=3, learned_words=words), toy, files={SHA: path})


def test_vectors_take_the_place_of_the_name(tmp_path: Path, toy: Path, loaded: LoadedCheckpoint) -> None:
    vectors = put(tmp_path / "glow.safetensors", 3, width_of(loaded))
    shelf, tokenizer = EmbeddingShelf(), loaded.conditioner.tokenizer
    words = shelf.words(order(toy, tmp_path / "glow.safetensors", ""), tokenizer)
    text = parse("a GLOW cat", "prompt", 2).variants[0]
    (chunk,) = chunked(text, tokenizer, words=words)
    before = len(tokenizer.encode("a")) + 1
    assert chunk.token_ids[before : before + 3] == (FIRST_ID, FIRST_ID + 1, FIRST_ID + 2)
    assert chunk.token_ids[before + 3 :][: len(tokenizer.encode("cat"))] == tuple(tokenizer.encode("cat"))
    network = loaded.conditioner._encoders[0].network
    ids = torch.tensor([[one if one < FIRST_ID else 0 for one in chunk.token_ids]])
    table = network.get_input_embeddings().weight
    wanted = table[ids[0]].clone()
    wanted[before : before + 3] = vectors
    seen: list[torch.Tensor] = []
    hook = network.get_input_embeddings().register_forward_hook(lambda _m, _i, output: seen.append(output))
    ours = loaded.conditioner.encode(chunk, 1, Emphasis.ORIGINAL, shelf).embeddings
    hook.remove()
    replaced = network.get_input_embeddings().register_forward_hook(lambda _m, _i, _o: wanted[None])
    theirs = network(ids).last_hidden_state[0]
    replaced.remove()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    assert not torch.equal(ours, network(ids).last_hidden_state[0])


def test_a_picture_with_and_without(tmp_path: Path, toy: Path, loaded: LoadedCheckpoint) -> None:
    path = tmp_path / "glow.safetensors"
    put(path, 2, width_of(loaded))
    engine: StepEngine = create_engine("cpu")

    def made(one: PictureOrder) -> Event:
        engine.submit(one)
        return finish(engine)[-1]

    plain = made(PictureOrder("one", 0, resolved(prompt="a glow cat", steps=2, seed=3), toy))
    with_it = made(order(toy, path, "a glow cat"))
    again = made(PictureOrder("one", 0, resolved(prompt="a glow cat", steps=2, seed=3), toy))
    elsewhere = made(order(toy, path, "a dark cat"))
    assert all(isinstance(one, PictureDone) for one in (plain, with_it, again, elsewhere))
    assert with_it.pixels != plain.pixels == again.pixels  # type: ignore[union-attr]
    put(path, 2, width_of(loaded), seed=1)
    replaced = made(order(toy, path, "a glow cat"))
    assert isinstance(replaced, PictureDone) and replaced.pixels != with_it.pixels  # type: ignore[union-attr]
    put(path, 2, width_of(loaded) + 1)
    failed = made(order(toy, path, "a glow cat"))
    assert isinstance(failed, PictureFailed) and "The embedding glow does not fit this checkpoint" in failed.reason


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(b"no")
    with pytest.raises(DamagedModel, match=r"odd\.safetensors cannot be read"):
        read_embedding(path)
    for tensors in ({"a": torch.zeros(2, 3), "b": torch.zeros(1)}, {"emb_params": torch.zeros(76, 4)}):
        save_file(tensors, path)
        with pytest.raises(UnsupportedModel, match="odd"):
            read_embedding(path)
    save_file({"clip_l": torch.zeros(2, 4), "clip_g": torch.zeros(3, 6)}, path)
    with pytest.raises(UnsupportedModel, match="strange shape"):
        read_embedding(path)
    save_file({"clip_l": torch.zeros(2, 4), "clip_g": torch.ones(2, 6)}, path)
    rows = read_embedding(path)
    assert [[len(part) for part in row] for row in rows] == [[4, 6], [4, 6]]
    save_file({"text_encoders_0": torch.zeros(2, 4), "text_encoders_1": torch.ones(2, 6)}, path)
    assert [[len(part) for part in row] for row in read_embedding(path)] == [[4, 6], [4, 6]]
    save_file({"anything": torch.zeros(5)}, path)
    assert [len(row[0]) for row in read_embedding(path)] == [5]

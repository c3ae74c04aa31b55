"""The tokenizer's files are CLIP's format: transformers and a plain byte-pair reader agree on them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import CharBPETokenizer
from transformers import CLIPTokenizer

from studio.training.text_pretraining import token_ids
from studio.training.tokenizer import learn_merges, load_tokenizer, write_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(
        folder, learn_merges(["3d cat face on a blue background", "flat dog face on an orange background"] * 9)
    )
    return folder


def test_whole_words_are_learnt(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    assert tokenizer.tokenize("A CAT face") == ["a</w>", "cat</w>", "face</w>"]


def test_vocabulary_has_clips_order(folder: Path) -> None:
    vocabulary = json.loads((folder / "vocab.json").read_text())
    words = sorted(vocabulary, key=vocabulary.__getitem__)
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    assert [f"{letter}</w>" for letter in words[:256]] == words[256:512]
    assert words[-2:] == ["<|startoftext|>", "<|endoftext|>"]


def test_words_never_seen_are_spelled_not_lost(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    ids = tokenizer("zebra 日本 ñ 7!").input_ids
    assert tokenizer.unk_token_id not in ids[1:-1]


def test_another_reader_of_the_same_files_agrees(folder: Path) -> None:
    plain = CharBPETokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), suffix="</w>", lowercase=True, unk_token="<|endoftext|>"
    )
    ours = CLIPTokenizer.from_pretrained(folder)
    text = "a flat dog face on a blue background"
    assert ours(text).input_ids[1:-1] == plain.encode(text).ids


def test_captions_are_padded_and_cut_to_77(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    ids = token_ids(tokenizer, ["cat", "cat " * 100])
    assert ids.shape == (2, 77)
    assert ids[0, 0] == tokenizer.bos_token_id
    assert set(ids[0, 2:].tolist()) == {tokenizer.eos_token_id}
    assert ids[1, -1] == tokenizer.eos_token_id

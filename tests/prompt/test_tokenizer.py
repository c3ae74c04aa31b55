"""CLIP's tokenizer from its files, against transformers' own on the toy vocabulary."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from studio.errors import DamagedModel, UnsupportedModel
from studio.prompt import count_tokens
from studio.prompt.tokenizer import FileTokenizer
from tests.toys import toy_vocabulary

TEXTS = [
    "",
    "a cat",
    "A Photo of the DOG's face, 3d!!!",
    "  many \n\t blanks  ",
    "don't we'll I've you're he'd I'm it's",
    "1234 ½ ² Ⅷ",
    "été e\u0301te\u0301 Straße İstanbul",
    "日本語 한국어 مرحبا \u202bעברית\u202c",
    "🐈‍⬛ cat",
    "a <|endoftext|> cat <|startoftext|> <|ENDOFTEXT|>",
    "under_score-dash/slash\\back \x7f \u00a0 \u3000",
]


def write(folder: Path, pad: str = "<|endoftext|>") -> Path:
    vocabulary, merges = toy_vocabulary()
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    special = {"bos_token": "<|startoftext|>", "eos_token": {"content": "<|endoftext|>"}, "pad_token": pad}
    (folder / "special_tokens_map.json").write_text(json.dumps(special), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def reference() -> CLIPTokenizer:
    vocabulary, merges = toy_vocabulary()
    return CLIPTokenizer(vocab=vocabulary, merges=[tuple(pair) for pair in merges])


@pytest.mark.parametrize("text", TEXTS)
def test_ids_are_those_of_transformers(folder: Path, reference: CLIPTokenizer, text: str) -> None:
    assert FileTokenizer(folder).encode(text) == reference(text, add_special_tokens=False).input_ids


def test_start_end_and_pad_are_those_of_transformers(folder: Path, reference: CLIPTokenizer) -> None:
    tokenizer = FileTokenizer(folder)
    assert (tokenizer.start, tokenizer.end) == (reference.bos_token_id, reference.eos_token_id)
    assert tokenizer.pad == reference.pad_token_id == tokenizer.end


def test_what_transformers_saves_can_be_read(tmp_path: Path, reference: CLIPTokenizer) -> None:
    reference.save_pretrained(tmp_path)
    assert not (tmp_path / "vocab.json").exists()
    tokenizer = FileTokenizer(tmp_path)
    assert [tokenizer.encode(text) for text in TEXTS] == [
        reference(text, add_special_tokens=False).input_ids for text in TEXTS
    ]


def test_sd2_pads_with_an_exclamation_mark_that_words_keep(tmp_path: Path) -> None:
    vocabulary, _ = toy_vocabulary()
    tokenizer = FileTokenizer(write(tmp_path, pad="!"))
    assert tokenizer.pad == vocabulary["!"]
    assert tokenizer.encode("!") == [vocabulary["!</w>"]]


def test_counting_reads_the_files(folder: Path) -> None:
    assert count_tokens("a (red:1.2) cat", FileTokenizer(folder)) == (3, 75)


def test_cached_reads_again_only_what_changed(tmp_path: Path) -> None:
    first = FileTokenizer.cached(write(tmp_path))
    assert FileTokenizer.cached(tmp_path) is first
    os.utime(tmp_path / "vocab.json", ns=(1, 1))
    assert FileTokenizer.cached(tmp_path) is not first


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("vocab.json", "{"),
        ("vocab.json", "[]"),
        ("vocab.json", '{"a": 0}'),
        ("merges.txt", "#version: 0.2\na b c\n"),
        ("merges.txt", "\ufffe\n\x00 q\n"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, file: str, content: str) -> None:
    write(tmp_path)
    (tmp_path / file).write_text(content, encoding="utf-8")
    with pytest.raises(DamagedModel, match=str(tmp_path)):
        FileTokenizer(tmp_path)


def test_missing_files_and_foreign_tokenizers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedModel, match="neither"):
        FileTokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "Unigram"}}', encoding="utf-8")
    with pytest.raises(UnsupportedModel, match="not CLIP's"):
        FileTokenizer(tmp_path)

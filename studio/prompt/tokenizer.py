"""CLIP's tokenizer, read from the files beside a checkpoint, without torch or transformers.

Owns ``FileTokenizer``: byte-level byte-pair encoding of lower-cased, whitespace-cleaned text by the ``tokenizers``
library, with ids equal to those of transformers' ``CLIPTokenizer``. So the page counts what the engine encodes. It
refuses tokenizers of other text encoders. Source: Radford et al. 2021, arXiv:2103.00020, section 2.4, and the
pattern of OpenAI's ``simple_tokenizer``.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, normalizers, pre_tokenizers
from tokenizers import Tokenizer as BackendTokenizer
from tokenizers.models import BPE

from studio.errors import DamagedModel, UnsupportedModel

_WORD = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_FILES = ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
_SHARED = Path("..") / ".." / "tokenizer"
_DEFAULT_NAMES = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}


class FileTokenizer:
    """The CLIP tokenizer in ``folder``: ``vocab.json`` with ``merges.txt``, or ``tokenizer.json``.

    A folder whose ``tokenizer_config.json`` says ``"shared_vocabulary": true`` leaves both to ``../../tokenizer``, as
    the ones that ship for single-file checkpoints do: they differ in nothing but what they pad with.

    Raises:
        DamagedModel: a file is missing, unreadable or contradicts another.
        UnsupportedModel: a tokenizer of another kind than CLIP's.
    """

    def __init__(self, folder: Path) -> None:
        vocabulary, merges = _vocabulary(folder / _SHARED if _is_shared(folder) else folder)
        names = _names(folder)
        self._backend = _backend(folder, vocabulary, merges, names)
        self.start = _id(folder, vocabulary, names["bos_token"])
        self.end = _id(folder, vocabulary, names["eos_token"])
        self.pad = _id(folder, vocabulary, names["pad_token"])

    @classmethod
    def cached(cls, folder: Path) -> FileTokenizer:
        """The tokenizer in ``folder``, read again only when its files have changed."""
        files = [folder / name for name in _FILES]
        return _read(folder, tuple(path.stat().st_mtime_ns for path in files if path.is_file()))

    def encode(self, text: str) -> list[int]:
        """The token ids of ``text``, however many, without start and end."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where in ``text`` each of its tokens stands: start and end, in the order of ``encode``."""
        offsets: list[tuple[int, int]] = self._backend.encode(text, add_special_tokens=False).offsets
        return offsets


@lru_cache(maxsize=8)
def _read(folder: Path, _stamps: tuple[int, ...]) -> FileTokenizer:
    return FileTokenizer(folder)


def _backend(
    folder: Path, vocabulary: dict[str, int], merges: list[tuple[str, str]], names: dict[str, str]
) -> BackendTokenizer:
    try:
        model = BPE(
            vocab=vocabulary,
            merges=merges,
            continuing_subword_prefix="",
            end_of_word_suffix="</w>",
            unk_token=names["unk_token"],
        )
    except Exception as error:  # the tokenizers library raises nothing narrower
        raise DamagedModel(f"The vocabulary in {folder} cannot be used: {error}. Download it again.") from error
    backend = BackendTokenizer(model)
    backend.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORD), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    # Not the padding token: SD 2.x pads with "!", which people also write, and which the model was trained to read.
    markers = dict.fromkeys((names["bos_token"], names["eos_token"]))
    backend.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in markers])
    return backend


def _is_shared(folder: Path) -> bool:
    file = folder / "tokenizer_config.json"
    return file.is_file() and _json(file).get("shared_vocabulary") is True


def _vocabulary(folder: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        lines = _text(folder / "merges.txt").split("\n")
        return _json(folder / "vocab.json"), _pairs(folder, [line for line in lines if not line.startswith("#version")])
    if not (folder / "tokenizer.json").is_file():
        raise DamagedModel(f"{folder} holds neither vocab.json with merges.txt nor tokenizer.json. Download it again.")
    model = _json(folder / "tokenizer.json").get("model") or {}
    if model.get("type", "BPE") != "BPE" or model.get("end_of_word_suffix") != "</w>":
        raise UnsupportedModel(f"The tokenizer in {folder} is not CLIP's, and only CLIP text encoders are supported.")
    return model["vocab"], _pairs(folder, model["merges"])


def _pairs(folder: Path, merges: list[Any]) -> list[tuple[str, str]]:
    split = [merge.split() if isinstance(merge, str) else list(merge) for merge in merges]
    pairs = [(pair[0], pair[1]) for pair in split if len(pair) == 2]
    if len(pairs) != sum(bool(pair) for pair in split):
        raise DamagedModel(f"The merges in {folder} are not pairs. Download it again.")
    return pairs


def _names(folder: Path) -> dict[str, str]:
    """The names of the special tokens; without a padding token CLIP pads with its end token."""
    names = dict(_DEFAULT_NAMES)
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / file).is_file():
            for key, value in _json(folder / file).items():
                name = value.get("content") if isinstance(value, dict) else value
                if key in (*_DEFAULT_NAMES, "pad_token") and isinstance(name, str):
                    names[key] = name
    names.setdefault("pad_token", names["eos_token"])
    return names


def _id(folder: Path, vocabulary: dict[str, int], name: str) -> int:
    if name not in vocabulary:
        raise DamagedModel(f'The vocabulary in {folder} lacks "{name}". Download it again.')
    return vocabulary[name]


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise DamagedModel(f"{path} is not JSON: {error}. Download it again.") from error
    if not isinstance(value, dict):
        raise DamagedModel(f"{path} is not what it should be. Download it again.")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedModel(f"{path} cannot be read: {error}. Download it again.") from error

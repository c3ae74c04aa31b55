"""The tokenizer's stage: byte pairs in CLIP's format, learnt from the captions and the names of all pictures Unicode
knows.

Owns the vocabulary's order (bytes, bytes that end a word, merges, the two marks), which is CLIP's own, so that any
reader of `vocab.json` and `merges.txt` splits a prompt as training did.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from studio.training.captions import FILLERS, caption
from studio.training.checkpoint_file import write_bytes
from studio.training.combinations import every_combination
from studio.training.errors import StageDamaged

MERGES = 1160
START, END = "<|startoftext|>", "<|endoftext|>"
MODEL_MAX_LENGTH = 77
# CLIP's own split of a text into words (Radford et al. 2021, simple_tokenizer.py), which transformers' CLIPTokenizer
# applies as well.
WORDS = r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer in `folder`, trained first if it is not there. Raises StageDamaged."""
    if not (folder / "tokenizer_config.json").exists():
        write_tokenizer(folder, learn_merges(corpus()))
    try:
        return CLIPTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise StageDamaged(folder, str(error).splitlines()[0]) from error


def corpus() -> list[str]:
    """Captions of every combination, twice, the filler words, and the CLDR names of all emoji (words a person may
    try).
    """
    import emoji

    random = Random(0)
    names = [entry["en"].strip(":").replace("_", " ") for entry in emoji.EMOJI_DATA.values() if entry["status"] <= 2]
    return [caption(item, random) for item in every_combination()] * 2 + list(FILLERS) * 20 + names


def learn_merges(texts: list[str]) -> list[str]:
    """The byte pair merges of the texts, most frequent first, as lines of `merges.txt`."""
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=2 * len(alphabet) + MERGES,
        end_of_word_suffix="</w>",
        initial_alphabet=sorted(alphabet),
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    learnt = json.loads(learner.to_str())["model"]["merges"]
    return [pair if isinstance(pair, str) else " ".join(pair) for pair in learnt][:MERGES]


def write_tokenizer(folder: Path, merges: list[str]) -> None:
    """Write the four files of a CLIP tokenizer; `tokenizer_config.json` comes last and marks it whole."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *(pair.replace(" ", "", 1) for pair in merges)]
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys([*words, START, END]))}
    marks = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    config = {
        **marks,
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": MODEL_MAX_LENGTH,
        "do_lower_case": True,
        "errors": "replace",
        "add_prefix_space": False,
    }
    write_bytes(folder / "vocab.json", json.dumps(vocabulary, ensure_ascii=False).encode())
    write_bytes(folder / "merges.txt", "\n".join(["#version: 0.2", *merges, ""]).encode())
    write_bytes(folder / "special_tokens_map.json", json.dumps(marks, indent=2).encode())
    write_bytes(folder / "tokenizer_config.json", json.dumps(config, indent=2).encode())

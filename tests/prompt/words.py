"""A tokenizer whose ids can be read: one token per word or comma, for the tests of cutting."""

from __future__ import annotations

import re


class WordTokenizer:
    start, end, pad, comma = 1, 2, 3, 4

    def __init__(self) -> None:
        self._ids = {",": self.comma}

    def encode(self, text: str) -> list[int]:
        return [self._ids.setdefault(word, len(self._ids) + 10) for word in re.findall(r"\w+|,", text)]

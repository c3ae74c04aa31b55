"""What other programs write about the pictures they make, understood as recipes.

In goes what `pictures.texts` found in a file, or a text somebody pasted; out comes a `Reading`: the recipe as far as
it can be told, and everything that has no place in one, named. It refuses to know what this studio has: that is
compared in `holdings`. Each program's file says where its format is described.
"""

from __future__ import annotations

from studio.dialects.programs import read_text, read_texts
from studio.dialects.reading import Part, Reading

__all__ = ["Part", "Reading", "read_text", "read_texts"]

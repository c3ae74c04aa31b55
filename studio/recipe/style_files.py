"""A1111's ``styles.csv`` as presets: columns ``name``, ``prompt`` and ``negative_prompt``, with ``{prompt}`` in both.

Older files call the prompt ``text``. What is wrong with a line is said with its number, and the others are read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from studio.errors import InvalidField
from studio.recipe.preset_files import checked
from studio.recipe.presets import Preset, name_for

FAMILY = "Styles"
MOST_STYLES = 2_000


@dataclass(frozen=True)
class Style:
    """One line of the file: a preset, or what is wrong with the line."""

    line: int
    name: str
    preset: Preset | None
    problem: str = ""


def looks_like_styles(data: bytes) -> bool:
    """Whether a file begins with the header of a ``styles.csv``."""
    first = data[:200].decode("utf-8-sig", "replace").splitlines()[:1]
    columns = [column.strip().strip('"').lower() for column in first[0].split(",")] if first else []
    return columns[:1] == ["name"] and bool({"prompt", "text", "negative_prompt"} & set(columns))


def read_styles(data: bytes) -> list[Style]:
    """Every style of the file that says something. Raises `InvalidField` for a file that is no ``styles.csv``."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidField("file", f"byte {error.start + 1:,} is not UTF-8", "a styles.csv saved as UTF-8") from None
    try:
        styles = list(_styles(text))
    except csv.Error as error:
        raise InvalidField("file", f"it is no CSV: {error}") from None
    if len(styles) > MOST_STYLES:
        raise InvalidField("file", f"{len(styles):,} styles are too many", f"up to {MOST_STYLES:,}")
    return styles


def _styles(text: str) -> Iterator[Style]:
    rows = csv.DictReader(io.StringIO(text.replace("\0", ""), newline=""), skipinitialspace=True)
    for row in rows:
        name = (row.get("name") or "").strip()
        prompts = {
            "prompt": (row.get("prompt") or row.get("text") or "").strip(),
            "negative_prompt": (row.get("negative_prompt") or "").strip(),
        }
        fields = {field: words for field, words in prompts.items() if words}
        if not fields:
            continue  # files are divided by lines that only have a name
        try:
            preset = checked(Preset(name_for(name), name, family=FAMILY, tags=("styles.csv",), fields=fields))
        except InvalidField as error:
            yield Style(rows.line_num, name, None, str(error))
            continue
        yield Style(rows.line_num, name, preset)

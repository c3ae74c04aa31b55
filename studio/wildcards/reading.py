"""What stands in a wildcard file: lists of entries by name, and the sentence that says what is wrong with it.

A ``.txt`` file is one list, an entry a line; ``2::red`` is drawn twice as often; blank lines and lines that begin with
``#`` are skipped. A ``.yaml`` file is a tree of names with lists for leaves, its entries texts or
``{text: red, weight: 2}``. Both are A1111's dynamic-prompts extension's; its library ignores weights in ``.txt`` files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from studio.errors import InvalidField, PromptError
from studio.prompt.template import Place, read_template
from studio.prompt.unfold import Entry

MAX_FILE_CHARACTERS = 1_000_000
MAX_FOLDERS = 8
"""How deep names may lie in each other, in folders and in a YAML file."""

_WEIGHTED = re.compile(r"(\d+\.?\d*|\.\d+)\s*::\s*(.*)", re.DOTALL)
_NAME = re.compile(r"\w[\w .-]*")


@dataclass(frozen=True)
class FileContent:
    """The ``lists`` of a file by name (a ``.txt`` file's only one is called ``""``), or the ``problem`` with it."""

    lists: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    problem: str | None = None


def read_file(data: bytes, suffix: str) -> FileContent:
    """The content of a file of that suffix."""
    try:
        return read_text(data.decode("utf-8-sig"), suffix)
    except UnicodeDecodeError:
        return FileContent(problem="This is not text in UTF-8. Save it as UTF-8.")


def read_text(text: str, suffix: str) -> FileContent:
    """The content of a file with this text."""
    try:
        if len(text) > MAX_FILE_CHARACTERS:
            raise InvalidField("text", f"{len(text):,} characters are too many", f"up to {MAX_FILE_CHARACTERS:,}")
        lists = dict(_trees(text)) if suffix in (".yaml", ".yml") else {"": tuple(_lines(text))}
        for name, entries in lists.items():
            _check(entries, f"{name}: " if name else "")
    except InvalidField as error:
        return FileContent(problem=error.message)
    return FileContent(lists)


def _lines(text: str) -> Iterator[Entry]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield _entry(line.strip(), f"line {number}: ")


def _trees(text: str) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise InvalidField("text", f"{where}this is not YAML: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(content, dict):
        raise InvalidField("text", "a YAML file needs names with lists under them")
    yield from _lists(content, ())


def _lists(content: Mapping[Any, Any], above: tuple[str, ...]) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    for name, value in content.items():
        path = (*above, str(name))
        if not _NAME.fullmatch(path[-1]) or len(path) > MAX_FOLDERS:
            raise InvalidField("text", f"{'/'.join(path)[:80]!r} cannot be a name in a prompt")
        if isinstance(value, dict):
            yield from _lists(value, path)
        else:
            items = value if isinstance(value, list) else [value]
            where = f"{'/'.join(path)}: "
            yield "/".join(path), tuple(_item(item, where) for item in items if item is not None)


def _item(item: Any, where: str) -> Entry:
    if isinstance(item, dict):
        text, weight = item.get("text", item.get("content")), item.get("weight", 1)
        if not isinstance(text, (str, int, float)) or isinstance(weight, bool) or not isinstance(weight, (int, float)):
            raise InvalidField("text", f"{where}an entry is a text, or text and weight")
        return Entry(str(text), _weight(float(weight), where))
    if not isinstance(item, (str, int, float)):
        raise InvalidField("text", f"{where}an entry is a text, or text and weight")
    return _entry(str(item).strip(), where)


def _entry(text: str, where: str) -> Entry:
    found = _WEIGHTED.fullmatch(text)
    entry = Entry(found[2], _weight(float(found[1]), where)) if found else Entry(text)
    try:
        read_template(entry.text, Place("text"))
    except PromptError as error:
        raise InvalidField("text", f"{where}{error.plain_message}") from None
    return entry


def _weight(weight: float, where: str) -> float:
    if not 0 <= weight <= 1_000_000:
        raise InvalidField("text", f"{where}a weight is a number from 0 to 1,000,000")
    return weight


def _check(entries: tuple[Entry, ...], where: str) -> None:
    if not entries:
        raise InvalidField("text", f"{where}there is no entry in it yet")
    if not any(entry.weight for entry in entries):
        raise InvalidField("text", f"{where}every entry has the weight 0")

"""What people call models of the hub, and what those are called in the models folder. It asks nobody anything.

Half of the hub's files are called the same (``pytorch_lora_weights.safetensors``), so what says nothing is named after
its repository; and where another model has the name already, the repository and then its owner go before it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from studio.errors import InvalidField
from studio.library.diffusers_folder import INDEX
from studio.library.first_models import FIRST_MODELS
from studio.library.naming import says_nothing
from studio.library.single_file import SAFETENSORS

HALF = "fp16"
"""The variant of half precision, as diffusers writes it into names of files."""

VARIANTS = ("", HALF)
_REPOSITORY = re.compile(r"^\w[\w.-]*/\w[\w.-]*$")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_MARKS = re.compile(r"(?P<word>.*?)(?P<marks>(?:[.-](?:fp16|fp32|bf16|ema|non_ema|\d{5}-of-\d{5}))*)", re.DOTALL)
_MOST_CHARACTERS = 100
_KEY_CHARACTERS = 12


@dataclass(frozen=True)
class Wanted:
    """One file on the hub, or with `INDEX` as its ``file`` the whole pipeline folder, of which ``variant`` says which
    weights. ``file`` is empty where only a repository was named.
    """

    repository: str
    file: str = ""
    revision: str = "main"
    variant: str = ""

    @property
    def is_pipeline(self) -> bool:
        """Whether the whole folder is meant."""
        return self.file == INDEX

    @property
    def key(self) -> str:
        """The same for the same wish, and for no other."""
        return hashlib.sha256(f"pull {self}".encode()).hexdigest()[:16]

    @property
    def shown(self) -> str:
        """The name under which it is told of: the one it gets unless another model has it."""
        return names_of(self)[0] + ("" if self.is_pipeline else SAFETENSORS)

    def check(self) -> None:
        """Raises `InvalidField` for what is never fetched."""
        if self.variant not in VARIANTS:
            raise InvalidField("variant", f"{self.variant!r} is no variant", f"{HALF}, or nothing for full precision")
        if not self.is_pipeline and not self.file.lower().endswith(SAFETENSORS):
            shown = PurePosixPath(self.file).name or "nothing"
            raise InvalidField("file", f"{shown} cannot be fetched", f"a .safetensors file, or {INDEX} for the folder")


def wanted(text: str, file: str = "", variant: str = "") -> Wanted:
    """What somebody means: a short name of the list, ``owner/name``, ``owner/name/file`` or an address of the hub.

    Raises:
        InvalidField: it is none of these.
    """
    for first in FIRST_MODELS:
        if text.strip().casefold() == first.name:
            return Wanted(first.repository, file or first.file, variant=variant)
    parts = PurePosixPath(unquote(urlsplit(text.strip()).path)).parts
    parts = tuple(part for part in parts if part != "/")
    revision = "main"
    if len(parts) > 3 and parts[2] in ("resolve", "blob", "tree"):
        revision, parts = parts[3], (*parts[:2], *parts[4:])
    repository, inside = "/".join(parts[:2]), file.strip("/") or "/".join(parts[2:])
    strange = ".." in PurePosixPath(inside).parts or _UNPRINTABLE.search(f"{inside}{revision}")
    if not _REPOSITORY.match(repository) or strange:
        names = ", ".join(first.name for first in FIRST_MODELS)
        raise InvalidField("model", f"{text!r} is no model on the hub", f"owner/name, its address, or one of {names}")
    return Wanted(repository, inside, revision, variant)


def names_of(what: Wanted) -> tuple[str, ...]:
    """What it may be called in the models folder, without a suffix, the plainest first."""
    owner, _, repository = what.repository.partition("/")
    if what.is_pipeline:
        names = [f"{one}-{what.variant}" if what.variant else one for one in (repository, f"{owner}-{repository}")]
        return tuple(map(_sound, names))
    path = PurePosixPath(what.file)
    matched = _MARKS.fullmatch(path.stem)
    word, marks = (matched["word"], matched["marks"]) if matched else (path.stem, "")
    if says_nothing(word):
        plain = "-".join([repository, *path.parent.parts])
        return _sound(plain + marks), _sound(f"{owner}-{plain}{marks}")
    longer = "-".join([repository, *path.parent.parts, path.stem])
    return _sound(path.stem), _sound(longer), _sound(f"{owner}-{longer}")


def part_name(what: Wanted, content: str) -> str:
    """Under which it lies hidden until it is whole; ``content`` tells one state of it on the hub from another."""
    digest = hashlib.sha256(content.encode()).hexdigest()[:_KEY_CHARACTERS]
    return f".{names_of(what)[0]}.{what.key}-{digest}.part"


def parts_of(folder: Path, what: Wanted) -> list[Path]:
    """What earlier tries to fetch it left."""
    return list(folder.glob(f".*.{what.key}-*.part"))


def _sound(name: str) -> str:
    """A name that is seen: not one that is hidden by its first dot, or too long for a file system."""
    return name.replace("/", "-").lstrip(". -")[:_MOST_CHARACTERS] or "model"

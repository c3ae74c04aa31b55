"""A1111's text and its kin: Forge, SD.Next and Fooocus' second scheme write it with words of their own.

What A1111 itself means is the business of ``recipe.infotext``; here the others' words become A1111's, and it is told
who wrote it. SD.Next's words: modules/processing_info.py (facts only).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from studio.dialects.reading import Part, Reading
from studio.recipe import infotext
from studio.recipe.model import AUTO, OWN_VAE
from studio.recipe.parameter_line import joined, pairs_in

TEXT = "A1111’s text"
_FORGE = re.compile(r"^(f\d|neo|classic)", re.IGNORECASE)
_RENAMED = {
    "Variation strength": "Variation seed strength",
    "CLiP-skip": "Clip skip",
    "CLIP skip": "Clip skip",
    "Hires scale": "Hires upscale",
    "Sampler eta delta": "ENSD",
}
_HASHES = {"Lora hashes": "lora", "TI hashes": "embedding"}
_SAYS_NOTHING = ("Version", "App", "Backend", "Parser", "Pipeline", "User", "Index", "Batch", "Operations")


def read_infotext(text: str) -> Reading:
    """The recipe of a text in A1111's form, whoever wrote it.

    Raises:
        InvalidField: a text longer than any infotext, or a prompt longer than a recipe may hold.
    """
    line = infotext.split(text)[2]
    pairs = dict(pairs_in(line))
    program = _program(pairs)
    if program == "SD.Next":
        renamed = {_RENAMED.get(key, key): value for key, value in pairs.items() if value != "0x0"}
        text = text.strip().removesuffix(line) + joined(renamed.items())
    found = infotext.read(text)
    unused = dict(found.unknown)
    vae = [] if found.recipe.vae in (AUTO, OWN_VAE) else [Part("vae", found.recipe.vae, found.vae_hash)]
    parts = (*_parts(unused), *vae)
    for key in (*_HASHES, *_SAYS_NOTHING):
        unused.pop(key, None)
    return Reading(program, found.recipe, found.model_hash, parts, unused, templates=found.templates)


def _program(pairs: Mapping[str, str]) -> str:
    version = pairs.get("Version", "")
    if pairs.get("App", "") == "SD.Next":
        return "SD.Next"
    if version.startswith("latent-studio"):
        return "Latent Studio"
    if version.startswith("Fooocus"):
        return "Fooocus"
    if _FORGE.match(version):
        return "Forge"
    return "A1111" if re.match(r"v?\d+\.\d+", version) else TEXT if pairs else ""


def _parts(unknown: Mapping[str, str]) -> Iterator[Part]:
    """LoRAs and embeddings by name and hash; the words that call them stand in the prompts."""
    for key, kind in _HASHES.items():
        for entry in unknown.get(key, "").split(","):
            name, mark, sha256 = entry.strip().rpartition(":")
            if mark and name.strip():
                yield Part(kind, name.strip(), sha256.strip())

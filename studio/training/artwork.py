"""The artwork: found or fetched, cut to squares and kept in one file.

Owns the way from the two sources (the Noto Color Emoji font and the Fluent Emoji 3D package) to
`artwork.safetensors`. It fetches by package name through `apt-get` and `npm` alone, or takes files from a folder; it
knows no address.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from studio.training.checkpoint_file import read_tensors, write_tensors
from studio.training.errors import ArtworkMissing
from studio.training.subjects import SUBJECTS, Subject

ART_PX = 128
FONT_FILE = "NotoColorEmoji.ttf"
FONT_PACKAGE = "fonts-noto-color-emoji"
FLUENT_PACKAGE = "@lobehub/fluent-emoji-3d"
INSTALLED_FONT = Path("/usr/share/fonts/truetype/noto") / FONT_FILE
HOW_TO_GET_IT = (
    f"Install the Debian package {FONT_PACKAGE} and run `npm pack {FLUENT_PACKAGE}`, "
    f"or put {FONT_FILE} and the unpacked or packed npm package into a folder and name it with --artwork."
)


def load_artwork(out: Path, source: Path | None) -> Tensor:
    """All artwork, (subject, style, 4, 128, 128), float32 in 0..1, colour premultiplied by alpha; made once, then
    read from `out`.

    `source` is a folder with the font and the npm package; without it they are looked for on this machine, then
    fetched. Raises ArtworkMissing when that fails, StageDamaged when the kept file cannot be read.
    """
    kept = out / "artwork.safetensors"
    if not kept.exists():
        folder = source if source is not None else fetch_artwork(out / "artwork")
        write_tensors(kept, {"art": read_artwork(folder)})
    return read_tensors(kept)["art"].float() / 255


def fetch_artwork(folder: Path) -> Path:
    """Bring both packages into `folder` by name and return it. What is there already is not fetched again."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / FONT_FILE).exists():
        if INSTALLED_FONT.exists():
            shutil.copyfile(INSTALLED_FONT, folder / FONT_FILE)
        else:
            _run(["apt-get", "download", FONT_PACKAGE], folder)
            package = next(iter(folder.glob(f"{FONT_PACKAGE}*.deb")))
            _run(["dpkg-deb", "--extract", package.name, "."], folder)
            shutil.copyfile(folder / INSTALLED_FONT.relative_to("/"), folder / FONT_FILE)
    if not any(folder.glob("*fluent-emoji-3d*.tgz")):
        _run(["npm", "pack", FLUENT_PACKAGE], folder)
    return folder


def read_artwork(folder: Path) -> Tensor:
    """Both styles of every subject, (subject, style, 4, 128, 128), uint8, premultiplied. Raises ArtworkMissing."""
    if not folder.is_dir():
        raise ArtworkMissing(f"There is no artwork folder {folder}. {HOW_TO_GET_IT}")
    flat, solid = _noto_reader(folder), _fluent_reader(folder)
    return torch.stack([torch.stack([_square(read(subject)) for read in (flat, solid)]) for subject in SUBJECTS])


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as error:
        details = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        reason = details[-1] if details else type(error).__name__
        raise ArtworkMissing(f"`{' '.join(command)}` failed: {reason}. {HOW_TO_GET_IT}") from error


def _noto_reader(folder: Path) -> Callable[[Subject], Image.Image]:
    from fontTools.ttLib import TTFont

    path = folder / FONT_FILE
    if not path.exists():
        raise ArtworkMissing(f"{FONT_FILE} is not in {folder}. {HOW_TO_GET_IT}")
    font = TTFont(path)
    names, strike = font.getBestCmap(), font["CBDT"].strikeData[0]

    def read(subject: Subject) -> Image.Image:
        glyph = strike.get(names.get(subject.code_point))
        if glyph is None:
            raise ArtworkMissing(f"{path} has no bitmap for {subject.name!r}. {HOW_TO_GET_IT}")
        return Image.open(io.BytesIO(glyph.imageData))

    return read


def _fluent_reader(folder: Path) -> Callable[[Subject], Image.Image]:
    packed = next(iter(sorted(folder.glob("*fluent-emoji-3d*.tgz"))), None)
    files: dict[str, bytes] = {}
    if packed is not None:
        with tarfile.open(packed) as archive:
            for member in archive.getmembers():
                stream = archive.extractfile(member) if member.name.endswith(".webp") else None
                if stream is not None:
                    files[Path(member.name).name] = stream.read()
    else:
        files = {path.name: path.read_bytes() for path in folder.rglob("*.webp")}

    def read(subject: Subject) -> Image.Image:
        stem = f"{subject.code_point:04x}"
        for name in (f"{stem}.webp", f"{stem}-fe0f.webp"):
            if name in files:
                return Image.open(io.BytesIO(files[name]))
        raise ArtworkMissing(f"{FLUENT_PACKAGE} in {folder} has no picture of {subject.name!r}. {HOW_TO_GET_IT}")

    return read


def _square(picture: Image.Image) -> Tensor:
    """(4, 128, 128), uint8, premultiplied: the whole picture centred on a square."""
    # Pillow resizes premultiplied colours (mode RGBa) without dark fringes, but cannot paste them: so pad first.
    side = max(picture.size)
    canvas = Image.new("RGBA", (side, side))
    canvas.paste(picture.convert("RGBA"), ((side - picture.width) // 2, (side - picture.height) // 2))
    small = canvas.convert("RGBa").resize((ART_PX, ART_PX), Image.Resampling.LANCZOS)
    return torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).reshape(ART_PX, ART_PX, 4).permute(2, 0, 1)

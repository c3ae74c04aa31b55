"""Small WebP pictures for the page's grids. They can always be made again, so nothing fails when one cannot be kept."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageOps

from studio.errors import StorageError
from studio.gallery import png
from studio.recipe.events import Pixels
from studio.store.files import in_words, write_atomic

SIDE_PX = 320
QUALITY = 82


class Thumbnails:
    """The thumbnails in ``folder``, by image id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, image_id: str) -> Path:
        """Where the thumbnail of an image is, or would be."""
        return self.folder / image_id[:2] / f"{image_id}.webp"

    def make(self, image_id: str, pixels: Pixels) -> Path:
        """Make one from pixels. Raises `StorageError`."""
        return self._keep(image_id, png.to_pillow(pixels))

    def ensure(self, image_id: str, original: Path) -> Path:
        """The thumbnail's path; made from the original when it is missing. Raises `StorageError`."""
        path = self.path(image_id)
        if path.is_file():
            return path
        try:
            with Pillow.open(original) as picture:
                picture.draft("RGB", (2 * SIDE_PX, 2 * SIDE_PX))  # a JPEG can be decoded smaller, many times as fast
                upright = ImageOps.exif_transpose(picture)
                return self._keep(image_id, upright.convert("RGBA" if upright.has_transparency_data else "RGB"))
        except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
            raise StorageError(f"The picture {original.name} cannot be shown: {error}.") from error

    def remove(self, image_id: str) -> None:
        """Delete one. Raises `StorageError`."""
        path = self.path(image_id)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise in_words(error, path) from error

    def _keep(self, image_id: str, picture: Pillow.Image) -> Path:
        picture.thumbnail((SIDE_PX, SIDE_PX), Pillow.Resampling.LANCZOS)
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=QUALITY, method=2)  # half the time of the default, 4
        path = self.path(image_id)
        write_atomic(path, file.getvalue(), durable=False, root=self.folder.parent)
        return path

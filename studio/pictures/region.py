"""A rectangle of a picture, and the one that only-masked inpainting looks at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """From ``left`` and ``top`` up to, not including, ``right`` and ``bottom``, in whole pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width_px(self) -> int:
        return self.right - self.left

    @property
    def height_px(self) -> int:
        return self.bottom - self.top

    @property
    def place(self) -> tuple[slice, slice]:
        """As an index into arrays of rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, by_x_px: int, by_y_px: int) -> Region:
        """Larger by that much on both sides of each axis."""
        return Region(self.left - by_x_px, self.top - by_y_px, self.right + by_x_px, self.bottom + by_y_px)

    def within(self, width_px: int, height_px: int) -> Region:
        """What of it lies in a picture of that size."""
        return Region(max(self.left, 0), max(self.top, 0), min(self.right, width_px), min(self.bottom, height_px))

    def counted_from(self, left: int, top: int) -> Region:
        """The same rectangle counted from another origin."""
        return Region(self.left - left, self.top - top, self.right - left, self.bottom - top)

    def with_aspect(self, aspect: tuple[int, int], size: tuple[int, int]) -> Region:
        """Grown, in a picture of ``size`` (width, height), to the ``aspect`` width : height as far as there is room.

        It grows evenly to both sides of the axis that is too short, and to one where the other has no room left.
        """
        width_px = max(self.width_px, -(-self.height_px * aspect[0] // aspect[1]))
        height_px = max(self.height_px, -(-self.width_px * aspect[1] // aspect[0]))
        left, right = _widened(self.left, self.right, width_px, size[0])
        top, bottom = _widened(self.top, self.bottom, height_px, size[1])
        return Region(left, top, right, bottom)


def masked_region(white: Region, padding_px: int, aspect: tuple[int, int], size: tuple[int, int]) -> Region:
    """What only-masked inpainting looks at: the mask's ``white``, padded, cut at the picture's borders, grown to the
    working size's ``aspect`` (A1111's order).
    """
    return white.grown(padding_px, padding_px).within(*size).with_aspect(aspect, size)


def _widened(start: int, end: int, length: int, most: int) -> tuple[int, int]:
    length = min(length, most)
    start = min(max(start - (length - (end - start)) // 2, 0), most - length)
    return start, start + length

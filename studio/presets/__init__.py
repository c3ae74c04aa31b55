"""The presets of a studio: those that ship, those of the home for everybody, and each person's own.

`Presets` finds, keeps and hands them on; `lacking` says what of one is not here; `picture_of` shows it. What a preset
is, and how its file reads, is the business of `studio.recipe`.
"""

from studio.presets.lacking import lacking
from studio.presets.shelf import Imported, Presets
from studio.presets.thumbnails import picture_of

__all__ = ["Imported", "Presets", "lacking", "picture_of"]

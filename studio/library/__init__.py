"""The model library: files found, identified from their headers alone, hashed, and described on cards.

It loads no tensor and runs no code from a model file. It refuses nothing while it scans: problems stand on the cards.
"""

from __future__ import annotations

from studio.library.card import KINDS, Checkpoint, Family, Kind, ModelCard, OwnDefaults
from studio.library.catalogue import Library
from studio.library.facts import facts_of
from studio.library.folders import folder_called, folders_of
from studio.library.search import matching

__all__ = [
    "KINDS",
    "Checkpoint",
    "Family",
    "Kind",
    "Library",
    "ModelCard",
    "OwnDefaults",
    "facts_of",
    "folder_called",
    "folders_of",
    "matching",
]

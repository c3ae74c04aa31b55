"""Wildcards: lists of words by name, in files that ship and files of one's own.

Owns finding, reading and changing them. A file that cannot be read is named with its reason and never stops the
others. It refuses to draw: what a name in a prompt becomes is the prompt language's business.
"""

from __future__ import annotations

from studio.wildcards.reading import MAX_FILE_CHARACTERS, FileContent, read_file, read_text
from studio.wildcards.shelf import Shelf, WildcardFile

__all__ = ["MAX_FILE_CHARACTERS", "FileContent", "Shelf", "WildcardFile", "read_file", "read_text"]

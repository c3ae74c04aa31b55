"""The command ``studio``. Each module holds one command's words; what it does lies in the layers below.

Nothing heavy is imported until a command runs, so ``studio --help`` answers at once.
"""

from __future__ import annotations

from studio.cli.app import main

__all__ = ["main"]

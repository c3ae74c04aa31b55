"""Latent Studio: a browser studio for Stable Diffusion.

The package is layered (see ``docs/architecture.md``): imports go down the table only, and the web process never
imports torch. ``studio.services`` is the one place where concrete parts are chosen and wired together.
"""

from __future__ import annotations

__version__ = "0.1.0"

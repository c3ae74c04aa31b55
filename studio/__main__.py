"""``python -m studio`` is the command ``studio``."""

from __future__ import annotations

from studio.cli import main

if __name__ == "__main__":
    main()

"""How others reach this studio: by which names and addresses, and by which certificate.

It opens nothing by itself and lets nobody in: that is up to ``door``.
"""

from __future__ import annotations

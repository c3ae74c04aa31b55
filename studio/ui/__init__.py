"""The page: a Gradio form over a recipe, and a stage and gallery of our own that speak to the REST routes.

`page` builds and mounts it, `wiring` attaches events, `actions` act without Gradio. It decides nothing about pictures:
whatever a click means, a `studio.services.Studio` or a REST route does it. Nothing is loaded from outside the server.
"""

from __future__ import annotations

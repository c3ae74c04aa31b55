"""The page behind a link to one picture: the picture, its prompt where that is shown, and nothing else."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from studio.api.caller import StudioOf
from studio.door.html import escaped, page
from studio.errors import NotFound
from studio.gallery.links import Link

router = APIRouter(include_in_schema=False)

LARGEST_SCALE = 4
"""Small pictures are shown larger, as in the studio's own full view."""

HEADERS = {
    "Cache-Control": "private, no-cache",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Content-Disposition": 'inline; filename="picture.png"',
}
"""A withdrawn link shows nothing more, and none gets into a search engine."""


@router.get("/shared/{token}")
def shared_page(token: str, studio: StudioOf) -> Response:
    """A small page with the picture."""
    try:
        link = studio.links.open(token)
    except NotFound as error:
        return page("Nothing here", f"<h1>Nothing here</h1><p>{escaped(str(error))}</p>", small=True, status=404)
    answer = page("A picture", _body(link), wide=True)
    answer.headers["X-Robots-Tag"] = HEADERS["X-Robots-Tag"]
    return answer


@router.get("/shared/{token}/picture")
def shared_picture(token: str, studio: StudioOf) -> Response:
    """The picture alone; where its prompt is hidden, with nothing in it but the picture."""
    link = studio.links.open(token)
    path = studio.gallery.file(link.image.owner, link.image.id)
    data = studio.bare.of(path, link.image.sha256, link.shows_prompt)
    return Response(data, media_type="image/png", headers=HEADERS)


def _body(link: Link) -> str:
    image, source = link.image, f"/shared/{link.token}/picture"
    words = ""
    if link.shows_prompt and image.prompt:
        words = f"<p>{escaped(image.prompt)}</p>"
    alternative = escaped(image.prompt) if link.shows_prompt and image.prompt else "A picture made with Latent Studio"
    return (
        f'<figure class="shared"><a href="{source}"><img src="{source}" alt="{alternative}" '
        f'width="{image.width_px}" height="{image.height_px}" style="width:{image.width_px * LARGEST_SCALE}px"></a>'
        f'<figcaption>{words}<p class="muted"><a href="{source}" download="picture.png">Download</a> · '
        "Made with Latent Studio</p></figcaption></figure>"
    )

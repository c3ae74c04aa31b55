"""Where a request comes from: pages of other sites may link here, and nothing else.

Browsers say it in ``Sec-Fetch-Site`` and ``Origin``, which no script can forge. Programs say neither and are let
through to the login. Another port of this machine is another site too: somebody else's page may be served there.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from studio.errors import Refused

SAFE_METHODS = frozenset({"GET", "HEAD"})
DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def check_origin(method: str, headers: Mapping[str, str]) -> None:
    """Refuse what a page of another site sends, and what it asks for other than by a link to it.

    Raises:
        Refused: the request comes from elsewhere.
    """
    if is_from_elsewhere(headers) and not _is_followed_link(method, headers):
        raise Refused("This request comes from a page of another site. Open the studio itself and do it there.")


def is_from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that another site's page sent this."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and not _is_same(origin, headers.get("host", ""))


def is_from_here(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of this very studio sent this."""
    said = headers.get("sec-fetch-site") == "same-origin" or headers.get("origin") is not None
    return said and not is_from_elsewhere(headers)


def _is_followed_link(method: str, headers: Mapping[str, str]) -> bool:
    """A person went here: the answer is shown as a page of its own, which the other site cannot read."""
    return (
        method == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        and headers.get("origin") is None
    )


def _is_same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    usual = DEFAULT_PORTS.get(parts.scheme)
    if usual is None:
        return False
    return parts.netloc.lower().removesuffix(usual) == host.lower().removesuffix(usual)

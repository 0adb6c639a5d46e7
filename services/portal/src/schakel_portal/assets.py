"""The files that the pages need, served from ourselves under an address that changes with their content."""

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from schakel_portal.settings import PACKAGE

_STATIC: Final = PACKAGE / "static"
_YEAR_SECONDS: Final = 31_536_000
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_CANDIDATES: Final = ("heading", "paragraph", "link", "skip-link", "button", "data-badge")
_UTRECHT: Final = (
    "form-field",
    "form-label",
    "form-field-description",
    "form-field-error-message",
    "textbox",
    "textarea",
    "select",
    "table",
    "alert",
)
_SQUEEZED: Final = {".css", ".js", ".svg"}
STYLES: Final = (
    *(f"vendor/nl-design-system-candidate/{name}.css" for name in _CANDIDATES),
    *(f"vendor/utrecht/{name}.css" for name in _UTRECHT),
    "theme.css",
    "layout.css",
    "components.css",
)
"""Sent as one file, in this order: the components of the design system, our tokens for them, then our own parts."""


@cache
def files() -> dict[str, bytes]:
    """Return what may be served, by name; nothing else is."""
    found = {
        str(path.relative_to(_STATIC)): path.read_bytes()
        for path in sorted(_STATIC.rglob("*"))
        if path.is_file() and path.suffix in {".js", ".svg", ".woff2"}
    }
    found["schakel.css"] = b"\n".join((_STATIC / name).read_bytes() for name in STYLES)
    return found


@cache
def version_of(name: str) -> str:
    """Return the digest in a file's address; KeyError for a file that is not there."""
    return hashlib.sha256(files()[name]).hexdigest()[:12]


def address_of(name: str) -> str:
    """Return the address of a file, for the templates."""
    return f"/static/{name}?v={version_of(name)}"


async def serve_file(request: Request) -> Response:
    """Answer with a file; one asked for by its version may be kept for ever."""
    name = request.path_params["name"]
    content = files().get(name)
    if content is None:
        raise HTTPException(404)
    kept = request.query_params.get("v") == version_of(name)
    headers = {
        "Cache-Control": f"public, max-age={_YEAR_SECONDS}, immutable" if kept else "public, max-age=3600",
        "Vary": "Accept-Encoding",
    }
    if Path(name).suffix in _SQUEEZED and "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = _squeezed(name), "gzip"
    return Response(content, media_type=_TYPES[Path(name).suffix], headers=headers)


@cache
def _squeezed(name: str) -> bytes:
    return gzip.compress(files()[name], mtime=0)

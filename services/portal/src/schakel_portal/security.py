"""What keeps a page safe in a browser: headers, the forgery check and where a login may return to."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from schakel_portal.settings import PortalSettings

_LONGEST_NEXT: Final = 500
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")


def headers(settings: PortalSettings) -> dict[str, str]:
    """Return the headers of every answer, pages, files and errors alike.

    ``form-action`` names the identity provider too: a browser applies it to the redirects that follow a form.
    """
    form_action = f"'self' {settings.issuer_origin}".strip()
    policy = {
        "default-src": "'self'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": form_action,
        "frame-ancestors": "'none'",
    }
    values = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        # Not no-referrer: browsers then send "Origin: null" with our own forms, and the origin could not be checked.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
    if settings.secure:
        values["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return values


class Seals:
    """Signs the visitor cookie and the token in each form, with keys of their own derived from the session key."""

    def __init__(self, session_key: str) -> None:
        self._cookie_key = hashlib.sha256(b"visitor-cookie:" + session_key.encode()).digest()
        self._form_key = hashlib.sha256(b"form-token:" + session_key.encode()).digest()

    def mint(self) -> str:
        """Return a new visitor cookie: 256 random bits and our signature, so only values that we made are taken."""
        value = secrets.token_urlsafe(32)
        return f"{value}.{self._sign(self._cookie_key, value)[:22]}"

    def genuine(self, cookie: str | None) -> str | None:
        """Return the cookie when we made it, else None."""
        value, dot, seal = (cookie or "").partition(".")
        if dot and hmac.compare_digest(seal.encode(), self._sign(self._cookie_key, value)[:22].encode()):
            return cookie
        return None

    def form_token(self, cookie: str) -> str:
        """Return the token that each form of this visitor carries."""
        return self._sign(self._form_key, cookie)

    def own_form(self, cookie: str | None, token: str | None) -> bool:
        """Tell whether a form came from a page that we gave this visitor."""
        return cookie is not None and hmac.compare_digest((token or "").encode(), self.form_token(cookie).encode())

    @staticmethod
    def _sign(key: bytes, value: str) -> str:
        return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()


def own_origin(settings: PortalSettings, request_headers: Mapping[str, str]) -> bool:
    """Tell whether a browser says that a form came from one of our own pages; a header that is absent says nothing."""
    origin = request_headers.get("origin")
    site = request_headers.get("sec-fetch-site")
    return (origin is None or origin == settings.origin) and site in {None, "same-origin", "none"}


def safe_next(value: str | None, default: str = "/") -> str:
    """Return a path of our own to go to after signing in, whatever was asked for.

    Browsers read a backslash as a slash and skip control characters, so neither is allowed, also not percent-encoded.
    """
    if not value or len(value) > _LONGEST_NEXT:
        return default
    if not _VISIBLE.fullmatch(value):
        return default
    readings = {value, unquote(value), unquote(unquote(value))}
    return value if all(_is_own_path(reading) for reading in readings) else default


def _is_own_path(value: str) -> bool:
    if not value.isprintable() or "\\" in value or not value.startswith("/") or value.startswith("//"):
        return False
    parts = urlsplit(value)
    return not parts.scheme and not parts.netloc

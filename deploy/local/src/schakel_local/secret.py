"""Passwords and keys of one data directory: made once, kept in `secrets.json` that only its owner can read."""

import base64
import json
import secrets
import stat
from collections.abc import Callable
from pathlib import Path


class Secrets:
    """The secrets of a data directory by name; one that is asked for and not there is made and kept."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "secrets.json"
        self._values: dict[str, str] = json.loads(self._file.read_text()) if self._file.exists() else {}

    def password(self, name: str) -> str:
        """A password of 32 URL-safe characters."""
        return self._value(name, lambda: secrets.token_urlsafe(24))

    def key(self, name: str) -> str:
        """A key of 32 bytes in URL-safe base64, as Fernet takes it."""
        return self._value(name, lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())

    def _value(self, name: str, make: Callable[[], str]) -> str:
        if name not in self._values:
            self._values[name] = make()
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
            self._file.chmod(stat.S_IRUSR | stat.S_IWUSR)
            self._file.write_text(json.dumps(self._values, indent=2, sort_keys=True) + "\n")
        return self._values[name]

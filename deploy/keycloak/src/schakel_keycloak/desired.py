"""The realm as the files say it must be, with the addresses and secrets of this installation filled in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

REALM_FOLDER: Final = Path(__file__).parents[2] / "realm"
DEMO_PUBLIC_URL: Final = "http://127.0.0.1:8400"

_VARIABLE: Final = re.compile(r"\$\{(SCHAKEL_[A-Z_]+)\}")


class RealmError(Exception):
    """The realm cannot be read or reconciled; the text says what to do."""


@dataclass(frozen=True)
class User:
    """A demo user; the password is set once, when the user is made."""

    email: str
    groups: tuple[str, ...]
    password: str = field(repr=False)


@dataclass(frozen=True)
class Desired:
    """All that is ours in a realm, as Keycloak's admin API writes it.

    Attributes:
        settings: parts of the RealmRepresentation.
        profile: the UPConfig of the users.
        scopes: ClientScopeRepresentations, with their mappers.
        clients: parts of ClientRepresentations, with the names of their scopes; `serviceAccountRoles` are of ours.
        groups: full paths; a parent comes before its children.
        providers: IdentityProviderRepresentations, with their mappers.
        users: of demonstrations.
    """

    settings: dict[str, Any]
    profile: dict[str, Any]
    scopes: tuple[dict[str, Any], ...]
    clients: tuple[dict[str, Any], ...]
    groups: tuple[str, ...]
    users: tuple[User, ...]
    providers: tuple[dict[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The realm's name."""
        return str(self.settings["realm"])


def load(folder: Path, variables: Mapping[str, str], *, demo: bool, extras: Sequence[str] = ()) -> Desired:
    """Read the files of the realm.

    Args:
        folder: holds ``realm.yaml``, ``user-profile.yaml``, ``clients.yaml``, ``groups.yaml``, ``demo.yaml``.
        variables: values of the ``${SCHAKEL_...}`` in them.
        demo: also the demo users, their groups and the tests' client; its secrets serve where variables are missing.
        extras: names of files in ``optional`` that count too.

    Raises:
        RealmError: a file or a variable is missing.
    """
    extra = _read(folder / "demo.yaml") if demo else {}
    chosen = [_read(folder / "optional" / f"{name}.yaml") for name in dict.fromkeys(extras)]
    more = [client for each in chosen for client in each.get("clients", [])]
    values = {"SCHAKEL_PUBLIC_URL": DEMO_PUBLIC_URL, **extra["secrets"]} if demo else {}
    values |= {name: value for name, value in variables.items() if value}
    clients = _read(folder / "clients.yaml")
    return Desired(
        settings=_filled(_read(folder / "realm.yaml"), values),
        profile=_read(folder / "user-profile.yaml"),
        scopes=tuple(_filled(clients["scopes"], values)),
        clients=tuple(_filled([*clients["clients"], *more, *extra.get("clients", [])], values)),
        groups=_with_parents([*_read(folder / "groups.yaml")["groups"], *extra.get("groups", [])]),
        users=tuple(
            User(email=user["email"], groups=tuple(user["groups"]), password=extra["password"])
            for user in extra.get("users", [])
        ),
        providers=tuple(_filled([one for each in chosen for one in each.get("identityProviders", [])], values)),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError as error:
        if path.parent.name == "optional":
            there = ", ".join(sorted(each.stem for each in path.parent.glob("*.yaml")))
            raise RealmError(f"there is no {path.stem}: --with takes {there or 'nothing here'}") from error
        raise RealmError(f"{path} is missing: name the realm's folder with --realm") from error
    if not isinstance(content, dict):
        raise RealmError(f"{path} is no mapping")
    return content


def _filled(node: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 - any YAML
    if isinstance(node, dict):
        return {name: _filled(part, values) for name, part in node.items()}
    if isinstance(node, list):
        return [_filled(part, values) for part in node]
    if isinstance(node, str):
        return _VARIABLE.sub(lambda found: _value(found[1], values), node)
    return node


def _value(name: str, values: Mapping[str, str]) -> str:
    if name not in values:
        raise RealmError(f"set {name} (or use --demo, for a demonstration)")
    return values[name].rstrip("/") if name == "SCHAKEL_PUBLIC_URL" else values[name]


def _with_parents(paths: list[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for path in paths:
        parts = path.strip("/").split("/")
        for length in range(1, len(parts) + 1):
            found["/" + "/".join(parts[:length])] = None
    return tuple(found)

"""Identity providers of others at which our users may sign in, as the optional files of the realm say."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from keycloak import KeycloakAdmin

from schakel_keycloak.change import Change
from schakel_keycloak.compare import differences, merged
from schakel_keycloak.desired import Desired

_SECRET = "clientSecret"  # noqa: S105 - the name of a field


def identity_providers(admin: KeycloakAdmin, desired: Desired, *, exists: bool) -> Iterator[Change]:
    """Yield what would have to be done; providers that the files do not name are left alone.

    Keycloak does not show a secret that it has, so another one is not noticed: to change it, delete the provider first.
    """
    present = {provider["alias"]: provider for provider in admin.get_idps()} if exists and desired.providers else {}
    for wanted in desired.providers:
        alias = wanted["alias"]
        representation = {key: value for key, value in wanted.items() if key != "mappers"}
        if alias not in present:
            yield Change(f"create identity provider {alias}", partial(admin.create_idp, representation))
            for mapper in wanted["mappers"]:
                yield _add(admin, alias, mapper)
            continue
        config = {key: value for key, value in wanted["config"].items() if key != _SECRET}
        lines = list(differences({**representation, "config": config}, present[alias]))
        if lines:
            update = partial(admin.update_idp, alias, merged(representation, present[alias]))
            yield Change(f"change identity provider {alias}: {'; '.join(lines)}", update)
        yield from _mappers(admin, desired.name, wanted)


def _mappers(admin: KeycloakAdmin, realm: str, wanted: dict[str, Any]) -> Iterator[Change]:
    alias = wanted["alias"]
    present = {mapper["name"]: mapper for mapper in admin.get_idp_mappers(alias)}
    for mapper in wanted["mappers"]:
        found = present.pop(mapper["name"], None)
        if found is None:
            yield _add(admin, alias, mapper)
            continue
        lines = list(differences(mapper, found))
        if lines:
            update = partial(admin.update_mapper_in_idp, alias, found["id"], merged(mapper, found))
            yield Change(f"change mapper {mapper['name']} of {alias}: {'; '.join(lines)}", update)
    for name, found in sorted(present.items()):
        place = f"admin/realms/{realm}/identity-provider/instances/{alias}/mappers/{found['id']}"
        remove = partial(admin.connection.raw_delete, place)  # the client has no method for this one
        yield Change(f"remove mapper {name} from {alias}", remove)


def _add(admin: KeycloakAdmin, alias: str, mapper: dict[str, Any]) -> Change:
    payload = {**mapper, "identityProviderAlias": alias}
    return Change(f"add mapper {mapper['name']} to {alias}", partial(admin.add_mapper_to_idp, alias, payload))

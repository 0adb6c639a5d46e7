"""From what a Keycloak has to what the files want: a list of changes, each with a line that says it and a way to do it.

Making the list changes nothing. Nothing that the files do not name is changed or deleted, except mappers inside scopes
of ours: whoever could add one there could widen every token.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from keycloak import KeycloakAdmin
from keycloak.exceptions import KeycloakGetError

from schakel_keycloak.change import Change
from schakel_keycloak.compare import differences, merged
from schakel_keycloak.desired import Desired, RealmError, User
from schakel_keycloak.providers import identity_providers

_SCOPE_LISTS = ("defaultClientScopes", "optionalClientScopes")
_ROLES = "serviceAccountRoles"


def plan(admin: KeycloakAdmin, desired: Desired) -> list[Change]:
    """Compare, and return what would have to be done; empty when the realm is as it must be."""
    exists = desired.name in {realm["realm"] for realm in admin.get_realms()}
    return [
        *_settings(admin, desired, exists=exists),
        *_profile(admin, desired, exists=exists),
        *_scopes(admin, desired, exists=exists),
        *_clients(admin, desired, exists=exists),
        *_groups(admin, desired, exists=exists),
        *_users(admin, desired, exists=exists),
        *identity_providers(admin, desired, exists=exists),
    ]


def apply(changes: list[Change], say: Callable[[str], None]) -> None:
    """Do the changes one after another, saying each; a failure names the change it happened in."""
    for change in changes:
        say(change.text)
        try:
            change.run()
        except Exception as error:
            raise RealmError(f"{change.text}: {error}") from error


def _settings(admin: KeycloakAdmin, desired: Desired, *, exists: bool) -> Iterator[Change]:
    if not exists:

        def create() -> None:
            # An answer that came too late is asked again by the client: then it is there already.
            admin.create_realm({"realm": desired.name, "enabled": True}, skip_exists=True)
            admin.connection.get_token()  # the old one does not know the new realm's roles yet
            admin.update_realm(desired.name, desired.settings)

        yield Change(f"create realm {desired.name}", create)
        return
    present = admin.get_realm(desired.name)
    lines = list(differences(desired.settings, present))
    if lines:
        update = partial(admin.update_realm, desired.name, merged(desired.settings, present))
        yield Change(f"change realm {desired.name}: {'; '.join(lines)}", update)


def _profile(admin: KeycloakAdmin, desired: Desired, *, exists: bool) -> Iterator[Change]:
    wanted = {attribute["name"]: attribute for attribute in desired.profile["attributes"]}
    present = admin.get_realm_users_profile() if exists else {"attributes": []}
    found = {attribute["name"]: attribute for attribute in present["attributes"]}
    lines = list(differences(wanted, found))
    lines += [f"attribute {name} goes" for name in found if name not in wanted]
    if lines:
        update = partial(admin.update_realm_users_profile, payload=desired.profile)
        yield Change(f"change user profile: {'; '.join(lines)}", update)


def _scopes(admin: KeycloakAdmin, desired: Desired, *, exists: bool) -> Iterator[Change]:
    present = {scope["name"]: scope for scope in admin.get_client_scopes()} if exists else {}
    for wanted in desired.scopes:
        name = wanted["name"]
        if name not in present:
            yield Change(f"create client scope {name}", partial(admin.create_client_scope, wanted))
            continue
        found = present[name]
        fields = {key: value for key, value in wanted.items() if key != "protocolMappers"}
        lines = list(differences(fields, found))
        if lines:
            update = partial(admin.update_client_scope, found["id"], merged(fields, found))
            yield Change(f"change client scope {name}: {'; '.join(lines)}", update)
        yield from _mappers(admin, wanted, found)


def _mappers(admin: KeycloakAdmin, wanted: dict[str, Any], found: dict[str, Any]) -> Iterator[Change]:
    scope, scope_id = wanted["name"], found["id"]
    present = {mapper["name"]: mapper for mapper in found.get("protocolMappers", [])}
    for mapper in wanted["protocolMappers"]:
        name = mapper["name"]
        if name not in present:
            add = partial(admin.add_mapper_to_client_scope, scope_id, mapper)
            yield Change(f"add mapper {name} to {scope}", add)
            continue
        lines = list(differences(mapper, present[name]))
        if lines:
            update = partial(
                admin.update_mapper_in_client_scope, scope_id, present[name]["id"], merged(mapper, present[name])
            )
            yield Change(f"change mapper {name} of {scope}: {'; '.join(lines)}", update)
    for name in sorted(set(present) - {mapper["name"] for mapper in wanted["protocolMappers"]}):
        remove = partial(admin.delete_mapper_from_client_scope, scope_id, present[name]["id"])
        yield Change(f"remove mapper {name} from {scope}", remove)


def _clients(admin: KeycloakAdmin, desired: Desired, *, exists: bool) -> Iterator[Change]:
    present = {client["clientId"]: client for client in admin.get_clients()} if exists else {}
    for wanted in desired.clients:
        name = wanted["clientId"]
        if name not in present:
            representation = {key: value for key, value in wanted.items() if key != _ROLES}
            yield Change(f"create client {name}", partial(admin.create_client, representation))
            yield from _roles(admin, wanted, None)
            continue
        found = present[name]
        fields = {key: value for key, value in wanted.items() if key not in {*_SCOPE_LISTS, _ROLES}}
        lines = list(differences(fields, found))
        if lines:
            update = partial(admin.update_client, found["id"], merged(fields, found))
            yield Change(f"change client {name}: {'; '.join(lines)}", update)
        yield from _scopes_of_client(admin, wanted, found)
        yield from _roles(admin, wanted, found)
        for mapper in found.get("protocolMappers", []):
            remove = partial(admin.remove_client_mapper, found["id"], mapper["id"])
            yield Change(f"remove mapper {mapper['name']} from client {name}", remove)


def _roles(admin: KeycloakAdmin, wanted: dict[str, Any], found: dict[str, Any] | None) -> Iterator[Change]:
    """Give a client's own account its roles, and let its tokens say them; further ones go."""
    for owner, names in wanted.get(_ROLES, {}).items():
        given, said = _roles_now(admin, found, owner) if found else (set(), set())
        line = f"client {wanted['clientId']}: {owner} {', '.join(sorted(names))}"
        if given != set(names) or said != set(names):
            yield Change(f"set the roles of {line}", partial(_set_roles, admin, wanted["clientId"], owner, names))


def _roles_now(admin: KeycloakAdmin, client: dict[str, Any], owner: str) -> tuple[set[str], set[str]]:
    owner_id = _client_id(admin, owner)
    account = admin.get_client_service_account_user(client["id"])["id"]
    given = {role["name"] for role in admin.get_client_roles_of_user(account, owner_id)}
    return given, {role["name"] for role in admin.get_client_roles_of_client_scope(client["id"], owner_id)}


def _set_roles(admin: KeycloakAdmin, client: str, owner: str, names: list[str]) -> None:
    client_id, owner_id = _client_id(admin, client), _client_id(admin, owner)
    account = admin.get_client_service_account_user(client_id)["id"]
    roles = [admin.get_client_role(owner_id, name) for name in names]
    more = [role for role in admin.get_client_roles_of_user(account, owner_id) if role["name"] not in names]
    unsaid = [role for role in admin.get_client_roles_of_client_scope(client_id, owner_id) if role["name"] not in names]
    admin.assign_client_role(account, owner_id, roles)
    admin.assign_client_roles_to_client_scope(client_id, owner_id, roles)
    if more:
        admin.delete_client_roles_of_user(account, owner_id, more)
    if unsaid:
        admin.delete_client_roles_of_client_scope(client_id, owner_id, unsaid)


def _client_id(admin: KeycloakAdmin, name: str) -> str:
    found = admin.get_client_id(name)
    if found is None:
        raise RealmError(f"there is no client {name}")
    return found


def _scopes_of_client(admin: KeycloakAdmin, wanted: dict[str, Any], found: dict[str, Any]) -> Iterator[Change]:
    add_default = partial(admin.add_client_default_client_scope, payload={})
    add_optional = partial(admin.add_client_optional_client_scope, payload={})
    ways = {
        "defaultClientScopes": (add_default, admin.delete_client_default_client_scope),
        "optionalClientScopes": (add_optional, admin.delete_client_optional_client_scope),
    }
    for kind, (add, delete) in ways.items():
        present, named = set(found.get(kind, [])), set(wanted[kind])
        for name in sorted(present - named):
            yield Change(f"take {name} from client {wanted['clientId']}", _with_scope(admin, delete, found["id"], name))
        for name in sorted(named - present):
            yield Change(f"give {name} to client {wanted['clientId']}", _with_scope(admin, add, found["id"], name))


def _with_scope(
    admin: KeycloakAdmin, way: Callable[..., object], client_id: str, scope_name: str
) -> Callable[[], object]:
    def run() -> object:
        scope = admin.get_client_scope_by_name(scope_name)
        if scope is None:
            raise RealmError(f"there is no client scope {scope_name}")
        return way(client_id, scope["id"])

    return run


def _groups(admin: KeycloakAdmin, desired: Desired, *, exists: bool) -> Iterator[Change]:
    for path in desired.groups:
        if not exists or _group_id(admin, path) is None:
            yield Change(f"create group {path}", partial(_create_group, admin, path))


def _create_group(admin: KeycloakAdmin, path: str) -> None:
    parent, _, name = path.rpartition("/")
    admin.create_group({"name": name}, parent=_group_id(admin, parent) if parent else None)


def _group_id(admin: KeycloakAdmin, path: str) -> str | None:
    try:
        return str(admin.get_group_by_path(path)["id"])
    except KeycloakGetError as error:
        if error.response_code == 404:  # noqa: PLR2004 - HTTP: there is none
            return None
        raise


def _users(admin: KeycloakAdmin, desired: Desired, *, exists: bool) -> Iterator[Change]:
    for user in desired.users:
        found = admin.get_users({"username": user.email, "exact": True}) if exists else []
        if not found:
            yield Change(f"create user {user.email}", partial(_create_user, admin, user))
            continue
        user_id = found[0]["id"]
        if not (found[0].get("enabled") and found[0].get("emailVerified")):
            update = partial(admin.update_user, user_id, {**found[0], "enabled": True, "emailVerified": True})
            yield Change(f"enable user {user.email}", update)
        present = {group["path"]: group["id"] for group in admin.get_user_groups(user_id)}
        for path in user.groups:
            if path not in present:
                yield Change(f"add {user.email} to {path}", partial(_join, admin, user_id, path))
        for path in sorted(set(present) - set(user.groups)):
            leave = partial(admin.group_user_remove, user_id, present[path])
            yield Change(f"remove {user.email} from {path}", leave)


def _create_user(admin: KeycloakAdmin, user: User) -> None:
    user_id = admin.create_user(
        {
            "username": user.email,
            "email": user.email,
            "emailVerified": True,
            "enabled": True,
            "credentials": [{"type": "password", "value": user.password, "temporary": False}],
        }
    )
    for path in user.groups:
        _join(admin, user_id, path)


def _join(admin: KeycloakAdmin, user_id: str, path: str) -> None:
    group_id = _group_id(admin, path)
    if group_id is None:
        raise RealmError(f"there is no group {path}")
    admin.group_user_add(user_id, group_id)

"""``python -m schakel_keycloak diff`` says what differs; ``apply`` makes it as the files say."""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakError

from schakel_keycloak.desired import REALM_FOLDER, Desired, RealmError, load
from schakel_keycloak.reconcile import apply, plan

EQUAL, DIFFERENT, TROUBLE = 0, 1, 2
"""Exit codes, as of diff(1)."""


def main(arguments: list[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Run one command and return its exit code."""
    options = parser().parse_args(arguments)
    try:
        variables = {**environment, **({"SCHAKEL_PUBLIC_URL": options.portal_url} if options.portal_url else {})}
        desired = load(options.realm, variables, demo=options.demo, extras=options.extras)
        password = environment.get(options.admin_password_env, "")
        if not password:
            raise RealmError(f"set {options.admin_password_env} to the administrator's password")  # noqa: TRY301 - one place tells of every trouble
        with administrator(options.url, options.admin_user, password, desired.name) as admin:
            if options.command == "diff" or options.dry_run:
                return _show(admin, desired, options.command)
            return _apply(admin, desired)
    except (RealmError, KeycloakError) as error:
        print(f"schakel_keycloak: {error}", file=sys.stderr)  # noqa: T201 - a command speaks to its user
        return TROUBLE


@contextmanager
def administrator(url: str, user: str, password: str, realm: str) -> Iterator[KeycloakAdmin]:
    """Sign in as an administrator of the server, and close what the client opened."""
    connection = KeycloakOpenIDConnection(
        server_url=url,
        username=user,
        password=password,
        user_realm_name="master",
        realm_name=realm,
        client_id="admin-cli",
        timeout=30,
    )
    try:
        yield KeycloakAdmin(connection=connection)
    finally:
        _close(connection)


def _close(connection: KeycloakOpenIDConnection) -> None:
    connection._s.close()  # noqa: SLF001 - the client offers no way to close its session


def _show(admin: KeycloakAdmin, desired: Desired, command: str) -> int:
    changes = plan(admin, desired)
    for change in changes:
        _say(f"would {change.text}")
    if not changes:
        _say("nothing differs")
    return DIFFERENT if changes and command == "diff" else EQUAL


def _apply(admin: KeycloakAdmin, desired: Desired) -> int:
    changes = plan(admin, desired)
    apply(changes, _say)
    left = plan(admin, desired) if changes else []
    if left:
        raise RealmError("still different after the changes: " + "; ".join(change.text for change in left))
    _say(f"{len(changes)} changes made" if changes else "nothing to change")
    return EQUAL


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command speaks to its user


def parser() -> argparse.ArgumentParser:
    """Return what reads these commands."""
    made = argparse.ArgumentParser(prog="python -m schakel_keycloak", description=__doc__)
    made.add_argument("command", choices=["diff", "apply"])
    made.add_argument("--url", required=True, help="address of Keycloak, such as http://127.0.0.1:8480")
    made.add_argument("--admin-user", default="admin", help="an administrator of the master realm")
    made.add_argument(
        "--admin-password-env",
        default="SCHAKEL_KEYCLOAK_ADMIN_PASSWORD",
        help="name of the environment variable that holds the administrator's password",
    )
    made.add_argument("--portal-url", default="", help="address of the portal; else SCHAKEL_PUBLIC_URL")
    made.add_argument("--realm", type=Path, default=REALM_FOLDER, help="folder with the files of the realm")
    made.add_argument("--demo", action="store_true", help="also the demo users and the tests' client")
    made.add_argument(
        "--with", dest="extras", action="append", default=[], metavar="NAME", help="also optional/NAME.yaml; repeatable"
    )
    made.add_argument("--dry-run", action="store_true", help="with apply: say what would change, change nothing")
    return made


if __name__ == "__main__":
    sys.exit(main())

"""The job on the real Keycloak: it says what differs, repairs it, and then finds nothing to do."""

from typing import Any

import pytest

pytestmark = pytest.mark.keycloak


def spoil(admin: Any) -> None:
    clients = {client["clientId"]: client for client in admin.get_clients()}
    scopes = {scope["name"]: scope for scope in admin.get_client_scopes()}
    portal, api = clients["schakel-portal"], scopes["schakel-api"]
    mappers = {mapper["name"]: mapper for mapper in api["protocolMappers"]}
    admin.update_client(
        portal["id"],
        {
            **portal,
            "directAccessGrantsEnabled": True,
            "redirectUris": ["https://evil.example/*"],
            "secret": "stolen-secret",
        },
    )
    admin.add_client_default_client_scope(portal["id"], scopes["roles"]["id"], {})
    admin.delete_mapper_from_client_scope(api["id"], mappers["audience"]["id"])
    admin.add_mapper_to_client_scope(
        api["id"],
        {
            "name": "extra",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-hardcoded-claim-mapper",
            "config": {"claim.name": "groups", "claim.value": "/national", "access.token.claim": "true"},
        },
    )
    admin.add_mapper_to_client(
        portal["id"],
        {
            "name": "sneaked-in",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": {"included.custom.audience": "other", "access.token.claim": "true"},
        },
    )
    admin.delete_group(admin.get_group_by_path("/hub/zuid")["id"])
    realm = admin.get_realm(admin.connection.realm_name)
    admin.update_realm(realm["realm"], {**realm, "accessTokenLifespan": 86400, "loginTheme": "keycloak.v2"})
    user = admin.get_user_id("company@demo.example")
    admin.group_user_add(user, admin.get_group_by_path("/national")["id"])


REPAIRS = [
    "realm",
    "add mapper audience to schakel-api",
    "remove mapper extra from schakel-api",
    "client schakel-portal: ",
    "take roles from client schakel-portal",
    "remove mapper sneaked-in from client schakel-portal",
    "create group /hub/zuid",
    "remove company@demo.example from /national",
]


def test_a_second_run_changes_nothing_and_says_so(own_realm: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert own_realm.job("apply") == 0
    assert capsys.readouterr().out == "nothing to change\n"
    assert own_realm.job("diff") == 0
    assert capsys.readouterr().out == "nothing differs\n"


def test_drift_is_shown_without_secrets_and_repaired(own_realm: Any, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(own_realm.admin)

    assert own_realm.job("diff") == 1
    shown = capsys.readouterr().out.splitlines()
    assert own_realm.job("apply", "--dry-run") == 0
    assert capsys.readouterr().out.splitlines() == shown

    assert len(shown) == len(REPAIRS)
    for line, part in zip(shown, REPAIRS, strict=True):
        assert part in line
    portal = next(line for line in shown if "schakel-portal: " in line)
    assert "directAccessGrantsEnabled: True becomes False" in portal
    assert "redirectUris: ['https://evil.example/*'] becomes ['https://portal.test.example/login/callback']" in portal
    assert "secret is another one" in portal
    assert not any("stolen-secret" in line or "demo-secret" in line for line in shown)

    assert own_realm.job("apply") == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{len(REPAIRS)} changes made"
    assert own_realm.job("diff") == 0


def test_what_the_files_do_not_name_is_left_alone(own_realm: Any) -> None:
    admin = own_realm.admin
    admin.create_group({"name": "spark"}, parent=admin.get_group_by_path("/fieldlab")["id"])
    realm = admin.get_realm(own_realm.name)
    admin.update_realm(own_realm.name, {**realm, "smtpServer": {"host": "mail.example", "from": "a@b.example"}})

    assert own_realm.job("apply") == 0

    assert admin.get_group_by_path("/fieldlab/spark")["name"] == "spark"
    assert admin.get_realm(own_realm.name)["smtpServer"]["host"] == "mail.example"

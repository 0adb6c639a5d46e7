"""What the realm's files promise (NL GOV OAuth 2.0 and OpenID.NLGov), without any Keycloak."""

from pathlib import Path

import pytest

from schakel_keycloak.__main__ import main
from schakel_keycloak.compare import differences, merged
from schakel_keycloak.desired import REALM_FOLDER, RealmError, load

SECRETS = {
    "SCHAKEL_PUBLIC_URL": "https://schakel.example/",
    "SCHAKEL_PORTAL_CLIENT_SECRET": "one",
    "SCHAKEL_VERIFY_CLIENT_SECRET": "two",
    "SCHAKEL_EVENTS_CLIENT_SECRET": "three",
}
GRANTS = {
    "standardFlowEnabled": "code",
    "implicitFlowEnabled": "implicit",
    "directAccessGrantsEnabled": "password",
    "serviceAccountsEnabled": "client credentials",
}


def grants(client: dict[str, object]) -> set[str]:
    attributes = client["attributes"]
    assert isinstance(attributes, dict)
    found = {grant for field, grant in GRANTS.items() if client[field]}
    return found | ({"device"} if attributes["oauth2.device.authorization.grant.enabled"] == "true" else set())


def test_each_client_has_one_way_to_get_a_token_and_none_takes_passwords() -> None:
    realm = load(REALM_FOLDER, SECRETS, demo=False)

    assert {client["clientId"]: grants(client) for client in realm.clients} == {
        "schakel-portal": {"code"},
        "schakel-cli": {"device"},
        "schakel-verify": {"client credentials"},
        "schakel-events": {"client credentials"},
    }


def test_the_password_client_and_the_users_are_in_the_demo_file_only() -> None:
    demo, real = load(REALM_FOLDER, {}, demo=True), load(REALM_FOLDER, SECRETS, demo=False)

    extra = [client for client in demo.clients if client not in real.clients]
    assert [client["clientId"] for client in demo.clients if client["clientId"] == "schakel-tests"] == ["schakel-tests"]
    assert [grants(client) for client in extra if client["clientId"] == "schakel-tests"] == [{"password"}]
    assert real.users == ()
    assert {user.email for user in demo.users} == {
        "company@demo.example",
        "company2@demo.example",
        "fieldlab@demo.example",
        "hub@demo.example",
        "hub-oost@demo.example",
        "national@demo.example",
    }
    for path in REALM_FOLDER.glob("*.yaml"):
        assert ("demo.example" in path.read_text("utf-8")) == (path.name == "demo.yaml")


def test_the_code_flow_needs_pkce_with_s256_and_exact_addresses() -> None:
    (portal,) = [
        client for client in load(REALM_FOLDER, SECRETS, demo=False).clients if client["clientId"] == "schakel-portal"
    ]

    assert portal["attributes"]["pkce.code.challenge.method"] == "S256"
    assert portal["redirectUris"] == ["https://schakel.example/login/callback"]
    assert portal["attributes"]["post.logout.redirect.uris"] == "https://schakel.example/"
    assert portal["attributes"]["backchannel.logout.url"] == "https://schakel.example/backchannel-logout"
    assert portal["publicClient"] is False
    for client in load(REALM_FOLDER, {}, demo=True).clients:
        assert not any("*" in uri for uri in client["redirectUris"])
        assert client["webOrigins"] == []
        assert client["fullScopeAllowed"] is False


def test_access_tokens_live_four_minutes_and_are_signed_with_rs256() -> None:
    settings = load(REALM_FOLDER, SECRETS, demo=False).settings

    assert settings["accessTokenLifespan"] == 240
    assert settings["defaultSignatureAlgorithm"] == "RS256"
    assert settings["supportedLocales"] == ["nl", "en"]
    assert settings["defaultLocale"] == "nl"


def test_parents_of_groups_come_first() -> None:
    groups = load(REALM_FOLDER, {}, demo=True).groups

    assert groups.index("/fieldlab") < groups.index("/fieldlab/robohouse")
    assert len(groups) == len(set(groups))


def test_a_missing_secret_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    environment = {**SECRETS, "SCHAKEL_VERIFY_CLIENT_SECRET": "", "SCHAKEL_KEYCLOAK_ADMIN_PASSWORD": "x"}

    assert main(["diff", "--url", "http://127.0.0.1:9"], environment) == 2
    assert "set SCHAKEL_VERIFY_CLIENT_SECRET" in capsys.readouterr().err


def test_a_missing_password_of_the_administrator_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", "--demo", "--url", "http://127.0.0.1:9"], {}) == 2
    assert "set SCHAKEL_KEYCLOAK_ADMIN_PASSWORD" in capsys.readouterr().err


def test_a_keycloak_that_is_away_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "--demo", "--url", "http://127.0.0.1:9"], {"SCHAKEL_KEYCLOAK_ADMIN_PASSWORD": "geheim"}) == 2

    printed = capsys.readouterr().err
    assert printed.startswith("schakel_keycloak: ")
    assert "geheim" not in printed
    assert "Traceback" not in printed


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RealmError, match=r"clients\.yaml is missing: name the realm's folder with --realm"):
        load(tmp_path, SECRETS, demo=False)


def test_only_what_is_wanted_is_compared_and_secrets_are_not_shown() -> None:
    wanted = {"a": 1, "list": ["x", "y"], "inner": {"b": "true"}, "secret": "new", "empty": []}
    present = {"a": 1, "list": ["y", "x"], "inner": {"b": "false", "more": 1}, "secret": "old", "other": 2}

    assert list(differences(wanted, present)) == [
        "inner.b: 'false' becomes 'true'",
        "secret is another one",
    ]
    assert merged(wanted, present)["inner"] == {"b": "true", "more": 1}
    assert list(differences(wanted, merged(wanted, present))) == []

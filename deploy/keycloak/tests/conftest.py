import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from keycloak import KeycloakAdmin

from schakel_keycloak.__main__ import administrator, main
from schakel_keycloak.desired import REALM_FOLDER
from schakel_local.fixtures import KeycloakServer

PUBLIC_URL = "https://portal.test.example"


@dataclass(frozen=True)
class OwnRealm:
    """A realm of the tests' own, made by the job itself, so that it may be spoiled."""

    name: str
    folder: Path
    server: KeycloakServer
    admin: KeycloakAdmin

    @property
    def issuer(self) -> str:
        return f"{self.server.url}/realms/{self.name}"

    def job(self, *arguments: str) -> int:
        command, *more = arguments
        given = [command, "--demo", "--url", self.server.url, "--realm", str(self.folder), "--portal-url", PUBLIC_URL]
        return main([*given, *more], {**os.environ, "SCHAKEL_KEYCLOAK_ADMIN_PASSWORD": self.server.admin_password})


@pytest.fixture(scope="session")
def own_realm(keycloak_server: KeycloakServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRealm]:
    name = f"test-{uuid4().hex[:8]}"
    folder = tmp_path_factory.mktemp("realm") / "realm"
    shutil.copytree(REALM_FOLDER, folder)
    settings = folder / "realm.yaml"
    settings.write_text(settings.read_text("utf-8").replace("realm: schakel", f"realm: {name}"), "utf-8")
    with administrator(keycloak_server.url, keycloak_server.admin_user, keycloak_server.admin_password, name) as admin:
        realm = OwnRealm(name, folder, keycloak_server, admin)
        assert realm.job("apply") == 0
        yield realm
        admin.delete_realm(name)

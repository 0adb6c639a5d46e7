"""Every command that a runbook or the operations page tells to type is one that the programs accept."""

import re
import shlex
from argparse import ArgumentParser

import pytest

from schakel_common import cli as common
from schakel_events.app import DEFINITION as EVENTS
from schakel_gateway import maintenance
from schakel_gateway.app import DEFINITION as GATEWAY
from schakel_keycloak import __main__ as keycloak
from schakel_local import cli as local
from schakel_local.places import CHECKOUT
from schakel_matching.app import DEFINITION as MATCHING
from schakel_portal.app import PORTAL
from schakel_registry.app import DEFINITION as REGISTRY

PAGES = [*sorted((CHECKOUT / "docs" / "runbooks").glob("*.md")), CHECKOUT / "docs" / "operations.md"]
SERVICES = {each.name: each for each in (REGISTRY, MATCHING, EVENTS, GATEWAY, PORTAL)}
TYPED = re.compile(
    r"`(?:[A-Z_]+=\S+ )*(?:\./schakel|python -m schakel_)([^`]*)`|^(?:\./schakel) (.*?)(?: +#.*)?$", re.MULTILINE
)


def commands() -> list[tuple[str, str]]:
    found = [
        (page.name, (match[1] or match[2] or "").strip())
        for page in PAGES
        for match in TYPED.finditer(page.read_text())
    ]
    return [(page, command) for page, command in found if command and "<" not in command]


def parser_of(words: list[str]) -> tuple[ArgumentParser, list[str]]:
    """Return the parser that reads a command, and what it reads."""
    match words:
        case ["verify", *_]:
            return maintenance.parser(), words
        case ["gateway", command, *_] if command in maintenance.COMMANDS:
            return maintenance.parser(), words[1:]
        case [service, *rest] if service in SERVICES:
            return common.parser(SERVICES[service]), rest
        case ["realm", *rest]:
            return keycloak.parser(), [*(rest or ["diff"]), "--url", "http://127.0.0.1:1"]
        case ["doctor", *_]:
            return common.parser(REGISTRY), words
    return local.parser(), words[:1] if words[0] == "test" else words


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_of_the_documents_exists(page: str, command: str) -> None:
    parser, words = parser_of(shlex.split(command))
    try:
        parser.parse_args(words)
    except SystemExit:
        pytest.fail(f"{page}: {command}")


def test_the_documents_were_found() -> None:
    assert len({page for page, _ in commands()}) >= 10

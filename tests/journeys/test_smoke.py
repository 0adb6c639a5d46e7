"""The suite that `helm test` runs finds a running installation well, and says what is wrong with one that is not."""

import pytest
from running import RunningStack

from schakel_portal import smoke

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]


def arguments(stack: RunningStack, **other: str) -> list[str]:
    told = {
        "portal": stack.portal_url,
        "gateway": stack.gateway_url,
        "public-url": stack.portal_url,
        "issuer": f"{stack.address('keycloak')}/realms/schakel",
    } | other
    return [f"--{name}={value}" for name, value in told.items()]


def test_a_running_installation_answers_every_question(
    running_stack: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    code = smoke.main(arguments(running_stack))
    assert (code, capsys.readouterr().out.splitlines()[-1]) == (0, f"{len(smoke.QUESTIONS)} passed, 0 failed")


def test_a_gateway_that_is_away_and_another_realm_are_found(
    running_stack: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    code = smoke.main(arguments(running_stack, gateway="http://127.0.0.1:1", issuer="https://elsewhere.example"))
    wrong = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("wrong")]
    assert code == 1
    assert wrong == [
        "wrong gateway is ready",
        "wrong graphql answers",
        "wrong a forged token is refused",
        "wrong sign in leads to the issuer",
    ]

"""The drill of docs/runbooks/restore.md: one owner goes back to a backup while Kafka, others and the view went on."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from running import ROOT, RunningStack, wait_until
from steps import mutation, new_kvk_number

from schakel_local.postgres import binaries

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

OWNER = "schakel_registry"
RESTORED = f"{OWNER}_restored"


def register(stack: RunningStack, name: str) -> tuple[str, str]:
    """Register a company; return its id and the token of the command."""
    given = {
        "kvkNumber": new_kvk_number(),
        "name": name,
        "postcode": "2628 CD",
        "sizeClass": "SMALL",
        "contact": {"name": "H. Herstel"},
    }
    payload = stack.graphql(mutation("registerCompany", "company { id }"), {"input": given}, user="company").data[
        "registerCompany"
    ]
    assert payload["problem"] is None
    return str(payload["company"]["id"]), str(payload["token"])


def verify_company(stack: RunningStack, company: str) -> None:
    query = mutation("verifyCompany", "company { version }")
    payload = stack.graphql(query, {"input": {"companyId": company}}, user="hub").data["verifyCompany"]
    assert payload["problem"] is None


def in_view(stack: RunningStack, company: str) -> list[tuple[Any, ...]]:
    """Epoch and version of a company as the view has it now; none when it has none."""
    return stack.rows("gateway", f"SELECT epoch, version FROM view_1.companies WHERE id = '{company}'")


def schakel(stack: RunningStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "schakel_local", *arguments],
        cwd=ROOT,
        env=os.environ | {"SCHAKEL_DATA": str(stack.directory)},
        capture_output=True,
        text=True,
        check=False,
    )


def database_program(stack: RunningStack, name: str, *arguments: str) -> None:
    host, port = stack.address("postgres").split(":")
    user = {"PGUSER": "postgres", "PGPASSWORD": stack.secret("postgres"), "PGHOST": host, "PGPORT": port}
    done = subprocess.run(
        [binaries() / name, *arguments], env=os.environ | user, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def as_administrator(stack: RunningStack, *statements: str) -> None:
    async def run() -> None:
        url = f"postgresql://postgres:{stack.secret('postgres')}@{stack.address('postgres')}/postgres"
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def reemit(stack: RunningStack, *options: str) -> dict[str, Any]:
    """Run the command of the page in the restored database, before anybody is served from it."""
    url = stack.database_url("registry").removesuffix(OWNER) + RESTORED
    done = subprocess.run(
        [sys.executable, "-m", "schakel_registry", "reemit", "--current", "--reason", "drill", *options],
        env=os.environ | {"SCHAKEL_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_restored_owner_and_everything_that_went_on_come_together_again(
    running_stack: RunningStack, tmp_path: Path
) -> None:
    stack = running_stack
    kept, _ = register(stack, "Gebleven B.V.")
    backup = tmp_path / "backup.dump"
    database_program(stack, "pg_dump", "--format=custom", f"--file={backup}", OWNER)
    verify_company(stack, kept)
    lost, _ = register(stack, "Verloren B.V.")
    wait_until(lambda: in_view(stack, lost) and in_view(stack, kept)[0][1] == 2, what="the view with what comes later")
    epoch_before = in_view(stack, kept)[0][0]

    database_program(stack, "createdb", f"--owner={OWNER}", RESTORED)
    database_program(stack, "pg_restore", "--no-owner", f"--role={OWNER}", f"--dbname={RESTORED}", str(backup))
    dry = reemit(stack, "--dry-run")
    assert reemit(stack) == {"epoch": dry["epoch"], "events": dry["events"]}
    as_administrator(
        stack,
        f"ALTER DATABASE {OWNER} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{OWNER}'",
        f"ALTER DATABASE {OWNER} RENAME TO {OWNER}_lost",
        f"ALTER DATABASE {RESTORED} RENAME TO {OWNER}",
    )

    wait_until(lambda: not stack.rows("registry", "SELECT 1 FROM outbox LIMIT 1"), what="everything sent again")
    wait_until(lambda: in_view(stack, kept) == [(epoch_before + 1, 1)], what="the restored version in the view")
    found = schakel(stack, "verify", "--repair", "--dry-run")
    assert found.returncode == 1
    assert "unknown-to-owner: 1 of company" in found.stdout, found.stdout + found.stderr
    assert "would retire it from the view: 1 of company" in found.stdout
    assert in_view(stack, lost) != []
    repaired = schakel(stack, "verify", "--repair")
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert in_view(stack, lost) == []

    after, _ = register(stack, "Daarna B.V.")
    wait_until(lambda: in_view(stack, after) == [(epoch_before + 1, 1)], what="a change after the restore")
    proof = schakel(stack, "verify")
    assert (proof.returncode, "the view is what the journals say" in proof.stdout) == (0, True), proof.stdout
    heads = int(re.findall(r"^(\d+) heads", proof.stdout)[0])
    assert heads > 100, "the register is there too"
    for kind, table in (("company", "companies"), ("fieldlab", "fieldlabs"), ("hub", "hubs"), ("figure", "figures")):
        owned = stack.rows(
            "registry", f"SELECT DISTINCT aggregate_id FROM journal WHERE kind = '{kind}' ORDER BY aggregate_id"
        )
        assert stack.rows("gateway", f"SELECT id FROM view_1.{table} ORDER BY id") == owned, "nothing lost or doubled"
    as_administrator(stack, f"DROP DATABASE {OWNER}_lost")


def test_the_view_is_rebuilt_by_the_role_that_the_gateway_has(running_stack: RunningStack) -> None:
    kept, _ = register(running_stack, "Herbouw B.V.")
    wait_until(lambda: in_view(running_stack, kept), what="the company in the view")

    rebuilt = schakel(running_stack, "gateway", "rebuild")

    assert rebuilt.returncode == 0, rebuilt.stderr
    assert in_view(running_stack, kept) != []
    unbound = "SELECT relname FROM pg_class WHERE relnamespace = 'view_1'::regnamespace AND relrowsecurity"
    assert running_stack.rows("gateway", f"{unbound} AND NOT relforcerowsecurity") == []
    assert len(running_stack.rows("gateway", unbound)) > 5
    # What a restored owner no longer knows lies in the topics for ever: a rebuild brings it back, a repair retires it.
    proof = schakel(running_stack, "verify", "--repair")
    assert proof.returncode == 0, proof.stdout + proof.stderr

"""What comes in from others: kept once, however often it is delivered, and followed by what must follow."""

import asyncio
import json
import time
from uuid import uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from matching_world import DATA_DIR, World, company_state, event, fieldlab_state

from schakel_common import replica
from schakel_common.broker import ensure_topics
from schakel_common.event import Event
from schakel_common.serve import Parts, running
from schakel_contracts.companies import CompanyState
from schakel_contracts.envelope import envelope_of, value_of
from schakel_contracts.hubs import HubState
from schakel_contracts.ids import register_id
from schakel_contracts.topics import CHALLENGES, COMPANIES, FIELDLABS, HUBS, Topic, topics_of
from schakel_local.fixtures import KafkaServer
from schakel_matching.app import DEFINITION
from schakel_matching.consumers import subscriptions
from schakel_matching.settings import MatchingSettings

pytestmark = pytest.mark.postgres

SECONDS_MAX = 10.0
"""From a fieldlab's event to the new slate, on a machine that does other things too; it takes a fraction of one."""

PUBLISHED = DATA_DIR.parent / "libs" / "contracts" / "published" / "examples"

HUB = HubState(
    id=register_id("hub", "oost"),
    slug="oost",
    kind="hub",
    name_nl="Oost",
    name_en="East",
    description_nl="",
    description_en="",
)


def _examples() -> list[Event]:
    """Return every example of what matching listens to, as the published contract has it, in order of version."""
    found = []
    for topic in (HUBS, FIELDLABS, COMPANIES):
        for path in sorted((PUBLISHED / topic.name).glob("*.json")):
            example = json.loads(path.read_text(encoding="utf-8"))
            value = msgspec.json.encode(example["value"])  # as it was sent, without fields that came later
            envelope = envelope_of(((name, text.encode()) for name, text in example["headers"].items()), value)
            found.append(Event(topic, envelope, msgspec.json.decode(value, type=topic.state)))
    return sorted(found, key=lambda each: (each.topic.name, each.envelope.epoch, each.envelope.version))


async def test_every_example_of_the_contract_delivered_twice_changes_nothing_the_second_time(world: World) -> None:
    company = await world.company("anna")
    await world.fieldlab()
    await world.challenge(company, "anna")
    examples = _examples()
    assert {each.envelope.type for each in examples} == {*HUBS.types, *FIELDLABS.types, *COMPANIES.types}
    tables = "SELECT (SELECT json_agg(r ORDER BY kind, id) FROM replica r)::text, (SELECT count(*) FROM journal)"
    for each in examples:
        await world.hear_event(each)
        once = await world.rows(tables)
        await world.hear_event(each)
        assert await world.rows(tables) == once, each.envelope.type
    newest = await world.rows(tables)
    for each in examples:
        await world.hear_event(each)
    assert await world.rows(tables) == newest


async def test_an_older_version_of_a_fieldlab_does_not_come_back(world: World) -> None:
    await world.hear(FIELDLABS, fieldlab_state("lab", name="Nieuw"), version=3, happening="described")
    await world.hear(FIELDLABS, fieldlab_state("lab", name="Oud"), version=2, happening="described")
    async with world.database.reading() as session:
        found = await replica.get(session, FIELDLABS, register_id("fieldlab", "lab"))
    assert found is not None
    assert found.name == "Nieuw"


async def _send(bootstrap: str, prefix: str, *events: Event) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for each in events:
            await producer.send_and_wait(
                f"{prefix}{each.topic.name}",
                key=str(each.envelope.subject).encode(),
                value=value_of(each.state),
                headers=each.envelope.headers(),
            )
    finally:
        await producer.stop()


async def _until(world: World, sql: str, expected: object) -> None:
    """Wait, at most 20 seconds, until a query answers as expected."""
    async with asyncio.timeout(20):
        while (await world.rows(sql))[0][0] != expected:  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.05)


@pytest.mark.kafka
async def test_real_events_rematch_a_need_and_erase_a_company(world: World, kafka_server: KafkaServer) -> None:
    prefix = f"t{uuid4().hex[:8]}-"
    settings = MatchingSettings(
        database_url=world.database.url, data_dir=DATA_DIR, kafka_bootstrap=kafka_server.bootstrap, topic_prefix=prefix
    )
    topics: list[Topic[msgspec.Struct]] = [FIELDLABS, COMPANIES, HUBS, *topics_of("matching")]
    await ensure_topics(settings, [topic.name for topic in topics])
    company = company_state("anna")
    parts = Parts(
        app=world.client._transport.app,  # type: ignore[attr-defined] # httpx does not say what a transport has
        database=world.database,
        subscriptions=subscriptions(world.clock, world.recommender),
    )
    async with running(parts, DEFINITION, settings, ["consumers", "relay"]):
        await _send(
            kafka_server.bootstrap,
            prefix,
            event(HUBS, HUB),
            event(COMPANIES, company),
            event(FIELDLABS, fieldlab_state("las")),
        )
        await _until(world, "SELECT count(*) FROM replica", 3)
        challenge_id = await world.challenge(company, "anna")
        assert (await world.state(challenge_id))["matches"][0]["fieldlab"] == "las"

        ended = fieldlab_state("las", status="ended", ended="2026-11-23")
        repeated = event(FIELDLABS, ended, version=2, happening="ended")
        await _send(kafka_server.bootstrap, prefix, repeated, repeated)
        await _until(world, "SELECT count(*) FROM journal", 2)
        assert (await world.state(challenge_id))["matches"] == []

        gone = CompanyState(id=company.id, status="erased", home_hub="zuid-holland")
        await _send(kafka_server.bootstrap, prefix, event(COMPANIES, gone, version=2, happening="erased"))
        await _until(world, "SELECT count(*) FROM journal", 3)
        assert await world.rows("SELECT text FROM challenge") == [(None,)]
        assert [kind for kind, _ in await world.journal()] == [
            CHALLENGES.plural + "." + happening for happening in ("submitted", "rematched", "erased")
        ]
        await _until(world, "SELECT count(*) FROM outbox", 0)


@pytest.mark.kafka
async def test_a_fieldlab_that_changes_its_profile_is_ranked_anew_in_an_open_need_within_seconds(
    world: World, kafka_server: KafkaServer
) -> None:
    prefix = f"t{uuid4().hex[:8]}-"
    settings = MatchingSettings(
        database_url=world.database.url, data_dir=DATA_DIR, kafka_bootstrap=kafka_server.bootstrap, topic_prefix=prefix
    )
    topics: list[Topic[msgspec.Struct]] = [FIELDLABS, COMPANIES, HUBS, *topics_of("matching")]
    await ensure_topics(settings, [topic.name for topic in topics])
    company = company_state("anna")
    parts = Parts(
        app=world.client._transport.app,  # type: ignore[attr-defined] # httpx does not say what a transport has
        database=world.database,
        subscriptions=subscriptions(world.clock, world.recommender),
    )
    slugs = {"a": "7521", "b": "7522", "c": "7523"}
    labs = [fieldlab_state(slug, postcode4=postcode4) for slug, postcode4 in slugs.items()]
    silent = fieldlab_state("stil", postcode4="7524", capacity="full", themes=[])
    async with running(parts, DEFINITION, settings, ["consumers", "relay"]):
        await _send(
            kafka_server.bootstrap,
            prefix,
            event(COMPANIES, company),
            *(event(FIELDLABS, lab) for lab in (*labs, silent)),
        )
        await _until(world, "SELECT count(*) FROM replica", 5)
        challenge_id = await world.challenge(company, "anna", "Wij zoeken een lasrobot voor kleine series.")
        before = [match["fieldlab"] for match in (await world.state(challenge_id))["matches"]]
        assert before[0] != "stil"

        said = {"capacity": "free", "sectors": ["25"], "themes": ["robot_welding", "small_series"]}
        profile = fieldlab_state("stil", postcode4="7524", **said)
        began = time.monotonic()
        await _send(kafka_server.bootstrap, prefix, event(FIELDLABS, profile, version=2, happening="described"))
        await _until(world, "SELECT version FROM challenge", 2)
        assert time.monotonic() - began < SECONDS_MAX
        state = await world.state(challenge_id)
        assert state["matches"][0]["fieldlab"] == "stil"
        assert {"fieldlab": "stil", "what": "entered"} in state["news"]["fieldlabs"]
        await _until(world, "SELECT count(*) FROM outbox", 0)

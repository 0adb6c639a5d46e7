"""How the settings say who we are to Kafka, and that every client is told so in one place."""

import ssl
import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from schakel_common.broker import kafka_connection
from schakel_common.settings import ServiceSettings


def settings_of(**given: object) -> ServiceSettings:
    return ServiceSettings.model_validate(
        {"database_url": "postgresql://nobody@127.0.0.1:9/none", "kafka_bootstrap": "kafka:9092", **given}
    )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "own.crt", folder / "own.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", "/CN=kafka", "-days", "1", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def test_without_settings_kafka_is_spoken_to_in_the_clear() -> None:
    assert kafka_connection(settings_of()) == {
        "bootstrap_servers": "kafka:9092",
        "request_timeout_ms": 10_000,
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
    }


def test_a_name_and_a_password_over_tls() -> None:
    given = kafka_connection(settings_of(kafka_tls=True, kafka_username="registry", kafka_password="secret"))
    assert given["security_protocol"] == "SASL_SSL"
    assert given["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (given["sasl_plain_username"], given["sasl_plain_password"]) == ("registry", "secret")
    assert given["ssl_context"].check_hostname
    assert given["ssl_context"].verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
def test_each_mechanism_is_passed_on(mechanism: str) -> None:
    given = kafka_connection(settings_of(kafka_username="a", kafka_password="b", kafka_mechanism=mechanism))
    assert (given["security_protocol"], given["sasl_mechanism"]) == ("SASL_PLAINTEXT", mechanism)


def test_a_certificate_of_our_own_and_a_private_authority(certificate: tuple[Path, Path]) -> None:
    own, key = certificate
    given = kafka_connection(
        settings_of(kafka_tls=True, kafka_ca_file=own, kafka_certificate_file=own, kafka_key_file=key)
    )
    assert given["security_protocol"] == "SSL"
    assert given["ssl_context"].cert_store_stats()["x509"] == 1, "only the named authority is trusted"


def test_a_file_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        kafka_connection(settings_of(kafka_tls=True, kafka_ca_file=tmp_path / "none.crt"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kafka_username": "registry"}, "set SCHAKEL_KAFKA_USERNAME and SCHAKEL_KAFKA_PASSWORD together"),
        ({"kafka_password": "secret"}, "set SCHAKEL_KAFKA_USERNAME and SCHAKEL_KAFKA_PASSWORD together"),
        ({"kafka_tls": True, "kafka_key_file": "own.key"}, "set SCHAKEL_KAFKA_CERTIFICATE_FILE and"),
        ({"kafka_ca_file": "ca.crt"}, "set SCHAKEL_KAFKA_TLS to true"),
        ({"kafka_mechanism": "GUESS"}, "SCRAM-SHA-512"),
    ],
)
def test_half_of_a_setting_is_refused_with_what_to_do(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings_of(**given)
    assert says in str(refused.value)


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(settings_of(kafka_username="registry", kafka_password="secret"))


def test_no_other_place_says_where_kafka_is() -> None:
    sources = Path(__file__).parents[4]
    strays = [
        path.relative_to(sources).as_posix()
        for folder in ("libs/common/src", "services")
        for path in (sources / folder).rglob("*.py")
        if "/tests/" not in path.as_posix() and "bootstrap_servers=" in path.read_text(encoding="utf-8")
    ]
    assert strays == []

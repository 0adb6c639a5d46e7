import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from schakel_local.ports import Ports, any_free


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_taken_port_is_named_and_another_one_is_kept(tmp_path: Path, taken_port: int) -> None:
    said: list[str] = []
    port = Ports(tmp_path, said.append).take("portal", taken_port)
    assert port != taken_port
    assert said == [f"port {taken_port} is in use by another program; portal takes {port} and keeps it"]
    assert Ports(tmp_path, said.append).take("portal", taken_port) == port
    assert len(said) == 1


def test_a_free_preferred_port_is_taken_without_a_word(tmp_path: Path) -> None:
    said: list[str] = []
    preferred = any_free()
    assert Ports(tmp_path, said.append).take("portal", preferred) == preferred
    assert said == []


def test_a_port_that_is_asked_for_wins_over_the_kept_one_and_is_kept(tmp_path: Path) -> None:
    first, asked = any_free(), any_free()
    assert Ports(tmp_path, print).take("portal", first) == first
    assert Ports(tmp_path, print).take("portal", first, fixed=asked) == asked
    assert Ports(tmp_path, print).take("portal", first) == asked


def test_two_parts_never_get_the_same_port(tmp_path: Path) -> None:
    ports = Ports(tmp_path, lambda _: None)
    preferred = any_free()
    assert ports.take("one", preferred) != ports.take("two", preferred)


def test_a_test_stack_leaves_the_preferred_ports_alone(tmp_path: Path) -> None:
    preferred = any_free()
    assert Ports(tmp_path, print, standard=False).take("kafka", preferred) != preferred

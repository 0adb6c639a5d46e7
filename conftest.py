"""Every test can ask for the real PostgreSQL, Kafka and Keycloak: see `deploy/local`."""

import logging
from collections.abc import Iterator

import pytest

pytest_plugins = ["schakel_local.fixtures"]


@pytest.fixture(autouse=True)
def no_handler_outlives_its_test() -> Iterator[None]:
    """A log handler that a program under test installed writes to a stream that is closed after the test."""
    yield
    root = logging.getLogger()
    for handler in list(root.handlers):
        if type(handler) is logging.StreamHandler:  # pytest's own are of classes of its own
            root.removeHandler(handler)

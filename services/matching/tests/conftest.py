"""What the tests of matching share: the real register, read once."""

from datetime import date
from pathlib import Path

import pytest

from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.reference_data import ReferenceData, fieldlabs, load

DATA_DIR = Path(__file__).parents[3] / "data"
TODAY = date(2026, 11, 24)


@pytest.fixture(scope="session")
def reference_data() -> ReferenceData:
    return load(DATA_DIR)


@pytest.fixture(scope="session")
def register(reference_data: ReferenceData) -> Catalogue:
    return Catalogue(fieldlabs(DATA_DIR), reference_data.vocabulary, reference_data.places, reference_data.sectors)

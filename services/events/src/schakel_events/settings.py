"""The settings of events."""

from pathlib import Path
from typing import Final

from pydantic import Field

from schakel_common.settings import ServiceSettings

CHECKOUT_DATA: Final = Path(__file__).resolve().parents[4] / "data"
"""Where the data is when the package runs from a checkout; an image sets ``SCHAKEL_DATA_DIR``."""


class EventsSettings(ServiceSettings):
    """The settings of every service, and where the register and the reference tables are.

    Attributes:
        data_dir: the folder with ``register/`` and ``places/``.
    """

    port: int = Field(default=8404, ge=0, le=65535)
    data_dir: Path = CHECKOUT_DATA

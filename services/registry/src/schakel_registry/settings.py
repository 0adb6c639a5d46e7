"""The settings of the registry."""

from pathlib import Path
from typing import Final

from pydantic import Field

from schakel_common.settings import ServiceSettings

CHECKOUT_DATA: Final = Path(__file__).resolve().parents[4] / "data"
"""Where the data is when the package runs from a checkout; an image sets ``SCHAKEL_DATA_DIR``."""


class RegistrySettings(ServiceSettings):
    """The settings of every service, and where the register and the reference tables are.

    Attributes:
        data_dir: the folder with ``register/``, ``places/`` and ``sectors/``.
        accounts_client_secret: of the client ``schakel-accounts``, with which accounts of erased people are deleted;
            without it they wait.
    """

    port: int = Field(default=8402, ge=0, le=65535)
    data_dir: Path = CHECKOUT_DATA
    accounts_client_secret: str = Field(default="", repr=False)

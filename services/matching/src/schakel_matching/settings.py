"""What the process of matching is told from outside."""

from pathlib import Path

from schakel_common.settings import ServiceSettings


class MatchingSettings(ServiceSettings):
    """The settings of matching.

    Attributes:
        data_dir: the folder with ``register/technologies.yaml``, ``places/pc4.csv`` and ``sectors/sbi2008.csv``.
    """

    port: int = 8403
    data_dir: Path = Path("data")

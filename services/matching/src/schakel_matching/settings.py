"""What the process of matching is told from outside."""

from pathlib import Path
from typing import Literal

from schakel_common.settings import ServiceSettings


class MatchingSettings(ServiceSettings):
    """The settings of matching.

    Attributes:
        data_dir: the folder with ``register/technologies.yaml``, ``places/pc4.csv`` and ``sectors/sbi2008.csv``.
        encoder_threads: threads of linear algebra for the sentence encoders.
        vectors_file: a database that keeps the vectors of fieldlabs across starts; None keeps them in memory.
        matching_model: which model makes the slates; the earlier ones are there to go back to.
    """

    port: int = 8403
    data_dir: Path = Path("data")
    encoder_threads: int = 1
    vectors_file: Path | None = None
    matching_model: Literal["additive-3.0.2", "additive-3.0.1", "additive-3.0.0", "additive-2.0.0"] = "additive-3.0.2"

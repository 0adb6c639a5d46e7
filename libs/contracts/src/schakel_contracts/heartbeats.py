"""A relay's word that its topics are complete up to an instant."""

from datetime import datetime

import msgspec


class Heartbeat(msgspec.Struct, frozen=True):
    """Every event recorded before ``complete_until`` stands in its topic before the offset named here.

    Attributes:
        service: the owner of the topics.
        complete_until: UTC, by the clock of the owning database.
        offsets: topic name to the end offset of each of its partitions, by partition number.
    """

    service: str
    complete_until: datetime
    offsets: dict[str, list[int]]

"""An event as a consumer sees it: envelope and decoded state."""

import msgspec

from schakel_contracts.envelope import Envelope, Reference
from schakel_contracts.topics import Topic


class Event(msgspec.Struct, frozen=True):
    """One version of one aggregate.

    Attributes:
        topic: the stream it came by.
        envelope: id, type, epoch, version, the two times.
        state: the whole public state of the aggregate after it, an instance of ``topic.state``.
    """

    topic: Topic
    envelope: Envelope
    state: msgspec.Struct

    @property
    def reference(self) -> Reference:
        """Which version of which aggregate this is."""
        return Reference(
            kind=self.topic.kind, id=self.envelope.subject, epoch=self.envelope.epoch, version=self.envelope.version
        )

    @property
    def happening(self) -> str:
        """What happened, as the topic names it: ``recognised``."""
        return self.envelope.type.rsplit(".", 2)[1]

"""What has happened on a server, told here as it would be told there."""

from __future__ import annotations

import msgspec

from modelmon.model_monitoring.telling import tell


class Said(msgspec.Struct, frozen=True):
    """What has happened there, a sentence each."""

    said: list[str]

    def tell(self) -> None:
        for sentence in self.said:
            tell(sentence)

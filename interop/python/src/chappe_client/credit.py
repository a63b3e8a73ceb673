"""How many bytes of chats the relay may have sent on one connection (CRD)."""

from __future__ import annotations

from . import pb
from .errors import ProtocolError
from .limits import MAX_SAFE_INTEGER


class Credit:
    def __init__(self, wanted: int) -> None:
        self.wanted = max(wanted, 524_288)  # CRD-5: 256 KiB beyond the sum, also when half of it is used
        self.granted = self.wanted
        self.received = 0
        self.processed = 0

    def receive(self, size: int) -> None:
        self.received += size
        if self.received > self.granted:
            raise ProtocolError(pb.ERROR_CODE_CREDIT_EXCEEDED, f"{self.received} of {self.granted} bytes")

    def process(self, size: int) -> int:
        """The new total to tell the relay, or 0."""
        self.processed += size
        total = min(self.processed + self.wanted, MAX_SAFE_INTEGER)
        if total - self.granted < self.wanted // 2:
            return 0
        self.granted = total
        return total

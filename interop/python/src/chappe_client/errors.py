"""Errors and verdicts: what went wrong, and what to do about it (ERR)."""

from __future__ import annotations

from dataclasses import dataclass

from . import pb

_PREFIX = "ERROR_CODE_"


def code_name(code: int) -> str:
    """The name of a code as close reasons carry it (TRN-13); unknown ones keep their number (ERR-2)."""
    value = pb.ErrorCode.DESCRIPTOR.values_by_number.get(code)
    return value.name.removeprefix(_PREFIX) if value else str(code)


class ProtocolError(Exception):
    """A fault, found by this side, in what the other side sent or in what the application wants to send."""

    def __init__(self, code: int, message: str, path: str = "") -> None:
        super().__init__(f"{code_name(code)}{f' at {path}' if path else ''}: {message}")
        self.code, self.message, self.path = code, message, path


class RequestError(Exception):
    """An error that answered a request."""

    def __init__(self, info: pb.ErrorInfo) -> None:
        super().__init__(f"{code_name(info.code)}: {info.message}")
        self.info = info
        self.code: int = info.code
        self.retry = effective_retry(info.retry)
        self.retry_after_ms: int = info.retry_after_ms


class ConnectionEnded(Exception):
    """The connection ended before the answer came (FRM-7, 6)."""


class OutboxFull(Exception):
    """The outbox takes no further entries (PUB-13)."""


@dataclass(frozen=True)
class Verdict:
    """What the end of a connection says about coming back (LIV-8)."""

    retry: int
    code: int = pb.ERROR_CODE_UNSPECIFIED
    retry_after_ms: int = 0
    after_min_ms: int = 0
    after_max_ms: int = 0
    message: str = ""


LOST = Verdict(pb.RETRY_AFTER, message="connection lost")

# Verdicts of the table of ERR-12, for the errors that a client raises with scope CONNECTION; others are NEVER, NO.
_RAISED = {
    pb.ERROR_CODE_HEARTBEAT_TIMEOUT: (pb.RETRY_NOW, pb.PROCESSED_MAYBE),
    pb.ERROR_CODE_OFFSET_INVALID: (pb.RETRY_NOW, pb.PROCESSED_MAYBE),
    pb.ERROR_CODE_CREDIT_EXCEEDED: (pb.RETRY_NEVER, pb.PROCESSED_MAYBE),
}


def effective_retry(retry: int) -> int:
    """UNSPECIFIED and unknown values count as NEVER (ERR-3)."""
    return retry if pb.RETRY_NEVER <= retry <= pb.RETRY_REAUTHENTICATE else pb.RETRY_NEVER


def effective_processed(processed: int) -> int:
    """UNSPECIFIED and unknown values count as MAYBE (ERR-3)."""
    return processed if pb.PROCESSED_NO <= processed <= pb.PROCESSED_YES else pb.PROCESSED_MAYBE


def close_code(code: int, retry: int) -> int:
    """The close code of a WebSocket (ERR-4). The numbers of Retry are the classes."""
    return 4000 + 100 * effective_retry(retry) + code


def connection_error(code: int, message: str) -> pb.ErrorInfo:
    """The error that this side sends when it ends a connection (ERR-8)."""
    retry, processed = _RAISED.get(code, (pb.RETRY_NEVER, pb.PROCESSED_NO))
    raw = message.encode()[:1024].decode(errors="ignore")
    return pb.ErrorInfo(code=code, retry=retry, scope=pb.SCOPE_CONNECTION, processed=processed, message=raw)


def verdict_of_error(info: pb.ErrorInfo) -> Verdict:
    return Verdict(effective_retry(info.retry), info.code, info.retry_after_ms, message=info.message)


def verdict_of_goodbye(bye: pb.Goodbye) -> Verdict:
    low, high = sorted((bye.after_min_ms, bye.after_max_ms)) if bye.after_max_ms else (0, 0)
    return Verdict(effective_retry(bye.retry), bye.code, 0, low, high, bye.message)


def verdict_of_status(status: int, retry_after: str = "") -> Verdict:
    """What the status of a refused upgrade says, and its `Retry-After` in seconds (LIV-8)."""
    retry = pb.RETRY_REAUTHENTICATE if status == 401 else pb.RETRY_AFTER
    wait = int(retry_after) * 1000 if status == 503 and retry_after.isdigit() else 0
    return Verdict(retry, retry_after_ms=wait, message=f"HTTP status {status}")


def verdict_of_close(code: int | None, reason: str = "") -> Verdict:
    """Item 3 and 4 of LIV-8."""
    if code is None or not 4100 <= code <= 4499:
        return LOST
    return Verdict((code - 4000) // 100, code % 100, message=reason)

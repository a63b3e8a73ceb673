"""Opens WebSockets under the subprotocol chappe.v1 (TRN)."""

from __future__ import annotations

from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from . import pb
from .errors import Verdict, close_code, verdict_of_status
from .limits import CLIENT_FRAME_BYTES, Times

SUBPROTOCOL = "chappe.v1"
_LOCAL = ("localhost", "127.0.0.1", "::1")


class OpenFailed(Exception):
    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


def check_url(url: str, has_token: bool, allow_insecure: bool) -> None:
    """TRN-10 and AUT-2."""
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss"):
        raise ValueError(f"not a WebSocket URL: {parts.scheme}")
    if has_token and parts.scheme == "ws" and parts.hostname not in _LOCAL and not allow_insecure:
        raise ValueError("a token is not sent to another machine without TLS")


async def open_websocket(url: str, times: Times) -> ClientConnection:
    """Raises OpenFailed with the verdict of LIV-8."""
    try:
        websocket = await connect(
            url,
            subprotocols=[SUBPROTOCOL],
            compression=None,  # TRN-9
            max_size=CLIENT_FRAME_BYTES,  # TRN-12
            ping_interval=None,  # LIV-4: pings of WebSocket are no life
            open_timeout=times.connect,
            close_timeout=times.close,
        )
    except InvalidStatus as error:
        retry_after = error.response.headers.get("Retry-After", "")
        raise OpenFailed(verdict_of_status(error.response.status_code, retry_after)) from error
    except (OSError, TimeoutError, WebSocketException) as error:
        raise OpenFailed(Verdict(pb.RETRY_AFTER, message=str(error) or type(error).__name__)) from error
    if websocket.subprotocol != SUBPROTOCOL:
        code = pb.ERROR_CODE_UNSUPPORTED_VERSION
        await websocket.close(close_code(code, pb.RETRY_NEVER), "UNSUPPORTED_VERSION")
        raise OpenFailed(Verdict(pb.RETRY_NEVER, code, message="the relay does not speak chappe.v1"))
    return websocket



"""When the next attempt begins (LIV-6, LIV-7)."""

from __future__ import annotations

import random
from collections.abc import Callable

from . import pb
from .errors import Verdict
from .limits import Times


class Backoff:
    def __init__(self, times: Times, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self.times, self._uniform = times, uniform
        self.failed = 0  # attempts in a row without a welcome: n
        self._refused = 0  # connections in a row that ended with REAUTHENTICATE before welcome, counted apart (AUT-10)
        self._unwelcomed = 0  # attempts in a row without a welcome, of either kind (LIV-7)
        self._last_at_once = float("-inf")

    def welcome(self) -> None:
        self.failed = self._refused = self._unwelcomed = 0

    def ended(self, welcomed: bool, verdict: Verdict) -> None:
        if welcomed:
            return
        self._unwelcomed += 1
        if verdict.retry == pb.RETRY_REAUTHENTICATE:
            self._refused += 1
        else:
            self.failed, self._refused = self.failed + 1, 0

    def jitter(self, count: int) -> float:
        return self._uniform(0, min(self.times.backoff_cap, self.times.backoff_base * 2 ** min(count, 32)))

    def delay(self, verdict: Verdict, now: float) -> float | None:
        """Seconds to wait; none: not at all. REAUTHENTICATE: the caller sees to the token (AUT-10)."""
        if verdict.retry == pb.RETRY_NEVER:
            return None
        reauthenticate = verdict.retry == pb.RETRY_REAUTHENTICATE
        if reauthenticate and self._refused < 2:
            return 0.0
        if verdict.after_max_ms and not reauthenticate:
            wait = self._uniform(verdict.after_min_ms, verdict.after_max_ms) / 1000
        elif verdict.retry == pb.RETRY_NOW and now - self._last_at_once >= self.times.backoff_cap:
            self._last_at_once = now
            wait = 0.0
        else:
            wait = verdict.retry_after_ms / 1000 + self.jitter(self._refused if reauthenticate else self.failed)
        if self._unwelcomed < self.times.slow_after:
            return wait
        return max(wait, self._uniform(self.times.slow_interval / 2, self.times.slow_interval))

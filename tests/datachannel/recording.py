"""A channel that keeps the last lines of its dialogue, for the report of a test that fails."""

from __future__ import annotations

from collections import deque

from connector.datachannel.channel import DataChannel
from connector.datachannel.dialogue import RECEIVED, SENT, describe, describe_text
from connector.datachannel.events import Event

#: Time, direction and frame of the last frames. A line is made only when a test fails.
_recent: deque[tuple[float, str, bytes | str]] = deque(maxlen=60)


class RecordedChannel(DataChannel):
    """A channel whose frames are kept."""

    _now = 0.0

    def connection_made(self, token: str, now: float) -> str:
        text = super().connection_made(token, now)
        _recent.append((now, SENT, text))
        return text

    def receive_messages(self, frames: list[bytes], now: float) -> list[Event]:
        self._now = now
        _recent.extend((now, RECEIVED, frame) for frame in frames)
        return super().receive_messages(frames, now)

    def receive_text(self, text: str) -> list[Event]:
        _recent.append((self._now, RECEIVED, text))
        return super().receive_text(text)

    def messages_to_send(self, now: float) -> list[bytes]:
        frames = super().messages_to_send(now)
        _recent.extend((now, SENT, frame) for frame in frames)
        return frames


def forget() -> None:
    """Drop all frames, before a test."""
    _recent.clear()


def last_lines() -> list[str]:
    """Return the lines of the last frames, each with its time."""
    return [
        f"{now:9.3f}  "
        + (describe_text(way, frame) if isinstance(frame, str) else describe(way, frame))
        for now, way, frame in _recent
    ]

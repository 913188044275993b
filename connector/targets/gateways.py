"""Which gateway a Dev Environment's last session was told to use, for the next one.

A guess that saves two round trips when it is right, and nothing more.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..sessions import SessionAccess, SessionSource, StartProgress
from .memory import Memory


class GatewayMemory:
    """The gateway of one Dev Environment, as ``host:port``."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def recall(self) -> str:
        """Empty when none is known. Whoever uses it has to check it."""
        gateway = self._memory.recall()
        return gateway if isinstance(gateway, str) else ""

    def note(self, stream_url: str) -> None:
        """Remember host and port of a stream URL; its query is a secret and is not kept."""
        try:
            gateway = urlsplit(stream_url).netloc
        except ValueError:
            return  # whoever dials it says so
        if "@" not in gateway:
            self._memory.note(gateway)


class RememberingSource:
    """A session source that notes the gateway of the session it starts.

    That of a resumed one is not noted: the guess is where the next start will lead.
    """

    def __init__(self, source: SessionSource, memory: GatewayMemory) -> None:
        self._source = source
        self._memory = memory

    def start(self, progress: StartProgress) -> SessionAccess:
        access = self._source.start(progress)
        self._memory.note(access.stream_url)
        return access

    def resume(self, access: SessionAccess) -> SessionAccess | None:
        return self._source.resume(access)

    def stop(self, access: SessionAccess, timeout: float) -> None:
        self._source.stop(access, timeout)

    def tidy(self) -> None:
        self._source.tidy()

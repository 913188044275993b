"""The sizes of messages that a user may choose from; apart, because the settings show them too."""

from __future__ import annotations

#: Both published ends send at most this much payload in a message; what else the
#: live gateway takes is unknown. The published agent was seen to take 1 KiB to 4 MiB.
DEFAULT_PAYLOAD_SIZE = 1024
MAX_PAYLOAD_SIZE = 64 * 1024  # more brings no speed, and delays keystrokes behind a copy

"""The sizes of messages that a user may choose from.

They stand apart because the settings show them too, and must not import the channel.
"""

from __future__ import annotations

#: The published client and agent send at most this much payload in a message. The live gateway's
#: limit is unknown. The published agent took every size from 1 KiB to 4 MiB.
DEFAULT_PAYLOAD_SIZE = 1024
MAX_PAYLOAD_SIZE = 64 * 1024  # more is not faster, and delays keystrokes behind a transfer

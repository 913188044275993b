"""The connector for other programs: a socket and an asyncio stream, and nothing of a command.

Nothing here ends the process, touches a signal or writes to a standard stream.
"""

import logging

# Where a program has no logging, Python would print our warnings on stderr.
logging.getLogger("connector").addHandler(logging.NullHandler())

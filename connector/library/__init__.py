"""The library for other programs: a socket, and a stream for asyncio.

Nothing in this package ends the process, handles a signal or writes to a standard stream.
"""

import logging

# Without a handler, Python would print warnings on stderr.
logging.getLogger("connector").addHandler(logging.NullHandler())

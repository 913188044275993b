"""Sessions of targets whose machine gets new SSH host keys with each start.

Which machine a session leads to is asked beside the start of the session, and costs no time unless
the answer is late. Then ssh's known keys are made to fit, see :mod:`connector.ssh.hostkeys`.
"""

from __future__ import annotations

import threading
import time

from ...aws.api import CallFailed, Refused
from ...errors import ConnectorError
from ...fast.logs import Logger
from ...fast.typed import TYPE_CHECKING
from ...ssh.hostkeys import keep_keys_of_start

if TYPE_CHECKING:
    from .backend import Backend, Found
    from .target import Calls

#: Seconds that the question may take longer than the start of the session. Without an answer, the
#: known keys stay as they are.
_PATIENCE = 2.0

logger = Logger(__name__)


class MachineQuestion:
    """The question which machine a target is now, asked in a thread of its own.

    :param known_hosts: the file that ssh reads.
    :param timeout: seconds of the calls.
    """

    def __init__(self, calls: Calls, known_hosts: str, timeout: float) -> None:
        self._known_hosts = known_hosts
        self._backend: Backend = calls.backend
        self._found: Found = calls.found
        self._name = calls.query.name
        targets = calls.backend.targets(calls.cloud, self._found.region, time.monotonic() + timeout)
        self._machines: list[str] = []

        def ask() -> None:
            try:
                machine = targets.machine_of(self._found)
            except (Refused, CallFailed, ConnectorError) as error:
                logger.info("the host keys stay: the machine of %s is not known: %s", calls, error)
            else:
                self._machines.append(machine)

        self._thread = threading.Thread(target=ask, daemon=True)
        self._thread.start()

    def settle(self) -> None:
        """Remove known keys of earlier machines. ssh must not have the server's greeting yet."""
        self._thread.join(_PATIENCE)
        for machine in filter(None, self._machines):
            hosts = (self._name, self._backend.host_key_alias(self._found))
            keep_keys_of_start(self._known_hosts, hosts, machine)

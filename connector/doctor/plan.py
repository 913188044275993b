"""All legs of an examination, in order."""

from __future__ import annotations

from .case import Case
from .findings import Leg
from .installed import ssh_client, versions
from .network import GRACE
from .session import END_TIMEOUT, Visit
from .sshconfig import ssh_config
from .sshlogin import END_TIMEOUT as SSH_END_TIMEOUT
from .sshlogin import RUN_TIMEOUT, Login


class Plan:
    """The legs of one examination. :meth:`close` ends everything that they started."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._visit = Visit(case)
        self._login = Login(case)

    def legs(self) -> list[Leg]:
        """Return the legs. Their names stay the same between versions."""
        case = self._case
        is_for_ssh = case.options.host and case.is_for_ssh
        legs = [Leg("versions", "versions", versions)]
        if case.is_for_ssh:
            legs.append(Leg("ssh-client", "ssh client", lambda: ssh_client(case)))
        if is_for_ssh:
            look = Leg("ssh-config", "ssh config", lambda: ssh_config(case), ("ssh-client",), 21.0)
            legs.append(look)
        if case.beside:
            legs += case.beside.legs(case).keys()
        legs += case.kind_legs.service()
        if case.has_target:
            legs += self._legs_of_the_target()
        if is_for_ssh:
            timeout = RUN_TIMEOUT + SSH_END_TIMEOUT + GRACE
            needs = ("ssh-config", "greeting")
            legs.append(Leg("ssh-login", "ssh login", self._login.run, needs, timeout))
        return legs

    def close(self) -> None:
        self._login.close()
        self._visit.close()
        self._case.ways.close()

    def _legs_of_the_target(self) -> list[Leg]:
        visit, target = self._visit, self._case.kind_legs.target()
        first = "SSH greeting" if self._case.is_for_ssh else "command"
        return [
            target,
            Leg("session", "session", visit.start, (target.name,), 9.0),
            Leg("gateway", "gateway", visit.gateway),
            *self._case.ways.legs("gateway", "gateway"),
            Leg("greeting", first, visit.greeting, ("session", "gateway-tls"), 20.0),
            Leg("session-end", "session end", visit.stop, ("session",), END_TIMEOUT + GRACE),
        ]

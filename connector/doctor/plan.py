"""All legs of the way, in order."""

from __future__ import annotations

from collections.abc import Callable

from .case import Case
from .findings import Leg, Result, Status
from .login import configuration, login_profile, token
from .network import PEEK_TIMEOUT, STEP_TIMEOUT, Way, certificates
from .service import address, clock, endpoint, environment, identity
from .session import END_TIMEOUT, Visit
from .sshclient import ssh_client
from .sshconfig import ssh_config
from .sshlogin import END_TIMEOUT as SSH_END_TIMEOUT
from .sshlogin import RUN_TIMEOUT, Login
from .versions import versions
from .words import words

#: Seconds more than what a leg limits itself to.
_GRACE = 1.0

#: Where botocore alone knows the address of the API.
_UNKNOWN = words("botocore decides where that is")


class Plan:
    """The legs of one examination. :meth:`close` leaves nothing behind."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._visit = Visit(case)
        self._login = Login(case)
        self._ways: dict[str, Way] = {}

    def legs(self) -> list[Leg]:
        case = self._case
        legs = [
            Leg("versions", "versions", versions),
            Leg("ssh-client", "ssh client", lambda: ssh_client(case)),
        ]
        if case.options.host:
            look = Leg("ssh-config", "ssh config", lambda: ssh_config(case), ("ssh-client",), 21.0)
            legs.append(look)
        legs += [
            Leg("aws-config", "AWS config", lambda: configuration(case)),
            Leg("ca", "CA certificates", lambda: certificates(case), ("aws-config",)),
            Leg("profile", "login profile", lambda: login_profile(case), ("aws-config",)),
            Leg("token", "token", lambda: token(case), ("profile", "ca"), 9.0),
            Leg("api", "API endpoint", self._endpoint, ("aws-config", "ca")),
            *self._steps("api", "API"),
            Leg("clock", "clock", self._clock, ("api-tls",)),
            Leg("identity", "identity", lambda: identity(case), ("token", "api-tls"), 9.0),
        ]
        if case.has_environment:
            legs += self._legs_of_the_environment()
        if case.options.host:
            legs.append(self._leg_of_the_login())
        return legs

    def close(self) -> None:
        self._login.close()
        self._visit.close()
        for way in self._ways.values():
            way.close()

    def _legs_of_the_environment(self) -> list[Leg]:
        case, visit = self._case, self._visit
        return [
            Leg("environment", "environment", lambda: environment(case), ("identity",), 12.0),
            Leg("session", "session", visit.start, ("environment",), 9.0),
            Leg("gateway", "gateway", self._gateway),
            *self._steps("gateway", "gateway"),
            Leg("greeting", "SSH greeting", visit.greeting, ("session", "gateway-tls"), 20.0),
            Leg("session-end", "session end", visit.stop, ("session",), END_TIMEOUT + _GRACE),
        ]

    def _leg_of_the_login(self) -> Leg:
        timeout = RUN_TIMEOUT + SSH_END_TIMEOUT + _GRACE
        return Leg("ssh-login", "ssh login", self._login.run, ("ssh-config", "greeting"), timeout)

    def _steps(self, name: str, title: str) -> list[Leg]:
        """Those of the way to a host, once the leg ``name`` has found out where it is."""

        def leg(
            step: str, words: str, look: Callable[[Way], Result], *needs: str, more: float = 0.0
        ) -> Leg:
            def run() -> Result:
                way = self._ways.get(name)
                return look(way) if way else Result(_UNKNOWN, Status.SKIP)

            timeout = STEP_TIMEOUT + more + _GRACE
            return Leg(f"{name}-{step}", f"{title} {words}", run, needs, timeout)

        return [
            leg("dns", "DNS", Way.dns, name),
            leg("proxy", "connection", Way.proxy, f"{name}-dns"),
            leg("tls", "TLS", Way.tls, f"{name}-proxy", "ca", more=PEEK_TIMEOUT),
        ]

    def _endpoint(self) -> Result:
        result = endpoint(self._case)
        if self._case.api_url:
            self._ways["api"] = Way(self._case, *address(self._case))
        return result

    def _clock(self) -> Result:
        return clock(self._case) if self._case.api_url else Result(_UNKNOWN, Status.SKIP)

    def _gateway(self) -> Result:
        way, result = self._visit.gateway()
        if way:
            self._ways["gateway"] = way
        return result

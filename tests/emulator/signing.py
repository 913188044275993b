"""The APIs whose requests are signed, with botocore's clients and a machine for sessions."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from botocore.config import Config
from botocore.utils import PRIORITY_ORDERED_SUPPORTED_PROTOCOLS

from connector.emulator.api.account import Account, Key
from connector.emulator.api.rest import Endpoint, Misbehaviours, Page, RestServer
from connector.emulator.api.room import PlannedMachine
from connector.emulator.api.ssm.service import SessionManagerService
from connector.emulator.api.sts.service import SecurityTokenService
from connector.emulator.listener import Certificates
from connector.emulator.sessions import Sessions, data_channel_url

from .contract import check_raw_answer

GATEWAY = "wss://127.0.0.1:7777"
REGION = "us-east-1"
INSTANCE = "i-0123456789abcdef0"


class Yard:
    """Machines for ssm:StartSession, all in one Region.

    :ivar offline: the targets whose agents are not connected.
    """

    def __init__(self, account: Account) -> None:
        self.offline: set[str] = set()
        self.names = [INSTANCE]
        self._account = account

    def machine(self, name: str) -> PlannedMachine:
        kind = "ManagedInstance" if name.startswith("mi-") else "EC2Instance"
        facts = {
            "InstanceId": name,
            "AgentVersion": "3.3.1611.0",
            "PlatformType": "Linux",
            "ResourceType": kind,
            "IPAddress": "10.0.0.7",
            "ComputerName": "web.example",
        }
        arn = self._account.arn("ec2", REGION, f"instance/{name}")
        return PlannedMachine(name, arn, lambda: name not in self.offline, facts)

    def find(self, target: str, region: str) -> PlannedMachine | None:
        return self.machine(target) if target in self.names and region == REGION else None

    def list(self, region: str) -> Iterator[PlannedMachine]:
        yield from (self.machine(name) for name in self.names if region == REGION)


class Signed:
    """The services, and clients of them.

    :ivar shift: what the services' clock is ahead, in seconds.
    """

    def __init__(self, boto: Any, certificates: Certificates) -> None:
        self.shift = 0.0
        self.account = Account(
            Sessions(lambda: time.time() + self.shift), partial(data_channel_url, GATEWAY)
        )
        self.yard = Yard(self.account)
        self.account.add_machines(self.yard)
        self.misbehaviours = Misbehaviours()
        self.server: RestServer
        self._boto = boto
        self.ca_file = str(certificates.ca_file)
        self._clients: list[Any] = []

    def client(
        self, service: str, key: Key | None = None, region: str = REGION, secret: str | None = None
    ) -> Any:
        """Return botocore's client. Each answer is compared with its model.

        :param service: its name; after a blank, a protocol that botocore would not choose.
        """
        key = key or self.account.user_key
        name, _, protocol = service.partition(" ")
        protocols = (protocol, *PRIORITY_ORDERED_SUPPORTED_PROTOCOLS)
        with patch("botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", protocols):
            client = self._boto.client(
                name,
                region_name=region,
                endpoint_url=self.server.url,
                verify=self.ca_file,
                aws_access_key_id=key.id,
                aws_secret_access_key=secret or key.secret,
                aws_session_token=key.token,
                config=Config(retries={"total_max_attempts": 1}),
            )
        client.meta.events.register("before-parse", check_raw_answer)
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()


@asynccontextmanager
async def open_signed(
    boto: Any,
    certificates: Certificates,
    more: Callable[[Account], Iterable[Endpoint]] = lambda account: (),
    pages: Callable[[], Iterable[Page]] = lambda: (),
) -> AsyncIterator[Signed]:
    """Start the services of the account.

    :param more: returns the endpoints of other services, and ``pages`` their pages.
    """
    signed = Signed(boto, certificates)
    endpoints = [
        *SessionManagerService(signed.account).endpoints(),
        *SecurityTokenService(signed.account).endpoints(),
        *more(signed.account),
    ]
    async with RestServer(endpoints, certificates.server_context, pages=pages()) as server:
        signed.server = server
        server.intercept = signed.misbehaviours
        yield signed
        signed.close()


async def no_machine(machine_id: str) -> socket.socket:
    """Refuse to connect to a machine: a ``dial`` of ``Services``."""
    raise ConnectionRefusedError(machine_id)

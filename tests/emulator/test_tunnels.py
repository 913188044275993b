"""EC2 Instance Connect Endpoints and their tunnels, judged by botocore's client and its signer."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.credentials import Credentials
from botocore.signers import RequestSigner
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from connector.emulator.api.account import HOME_REGION, Key
from connector.emulator.api.ec2.model import SUBNET, VPC, ConnectEndpoint, Instance, Status
from connector.emulator.api.ec2.tunnels import FRAME_MAX, USABLE, Tunnels
from connector.emulator.api.ec2.world import Ec2World
from connector.emulator.api.rest import BearerTokens
from connector.emulator.api.world import PlannedTarget, Services
from connector.emulator.listener import Certificates

from .calls import call, code_of, refused
from .signing import Signed, open_signed

PATIENCE = 20.0
ENDPOINT = "eice-0a1b2c3d4e5f60718"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Vpc:
    """An account with an instance and an endpoint, and a client of the endpoint.

    :ivar serve: the port of the instance; ``None`` for a port that refuses.
    """

    def __init__(self, boto: Any) -> None:
        self.world: Ec2World
        self.signed: Signed
        self.endpoint = ConnectEndpoint(ENDPOINT, HOME_REGION)
        self.serve: Serve | None = echo
        self._boto = boto

    def endpoints(self, account: Any) -> Any:
        self.world = Ec2World(
            Services(
                account.sessions,
                BearerTokens(account.now),
                lambda session: "",
                account,
                lambda: self.signed.server.url,
                self._dial,
            ),
            (PlannedTarget("web"), PlannedTarget("db", running=False)),
        )
        self.world.model.connect_endpoints.append(self.endpoint)
        return self.world.endpoints()

    @property
    def web(self) -> Instance:
        return self.world.find("web")

    @property
    def tunnels(self) -> Tunnels:
        return self.world.tunnels

    async def describe(self, **members: Any) -> list[dict[str, Any]]:
        client = self.signed.client("ec2", region=HOME_REGION)
        answer = await call(client.describe_instance_connect_endpoints, **members)
        return list(answer["InstanceConnectEndpoints"])

    def url(
        self, key: Key | None = None, region: str = HOME_REGION, expires: int = 60, **changed: Any
    ) -> str:
        """Return the URL that the AWS CLI signs, by botocore's signer."""
        host = self.signed.server.url.removeprefix("https://")
        key = key or self.signed.account.user_key
        session = self._boto._session
        model = session.get_service_model("ec2-instance-connect")
        signer = RequestSigner(
            model.service_id,
            region,
            model.signing_name,
            model.signature_version,
            Credentials(key.id, key.secret, key.token),
            session.get_component("event_emitter"),
        )
        query = {
            "instanceConnectEndpointId": ENDPOINT,
            "remotePort": 22,
            "privateIpAddress": self.web.address,
            **changed,
        }
        request = {
            "url": f"wss://{host}/openTunnel?{urlencode(query)}",
            "body": {},
            "headers": {"host": host},
            "method": "GET",
            "query_string": "",
            "url_path": "/",
            "context": {},
        }
        return str(signer.generate_presigned_url(request, "openTunnel", expires_in=expires))

    def open(self, url: str = "") -> connect:
        context = ssl.create_default_context(cafile=self.signed.ca_file)
        return connect(url or self.url(), ssl=context, max_size=FRAME_MAX, compression=None)

    async def refused(self, url: str) -> tuple[int, str]:
        with pytest.raises(InvalidStatus) as caught:
            async with self.open(url):
                pass
        response = caught.value.response
        return response.status_code, (response.body or b"").decode()

    async def _dial(self, machine_id: str) -> socket.socket:
        if self.serve is None:
            raise ConnectionRefusedError
        serve = self.serve
        near, far = socket.socketpair()
        near.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=far)

        async def run() -> None:
            try:
                await serve(reader, writer)
            finally:
                writer.close()

        self._served = asyncio.ensure_future(run())
        return near


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(FRAME_MAX):
        writer.write(data)
        await writer.drain()


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.fixture
async def vpc(boto: Any, certificates: Certificates) -> AsyncIterator[Vpc]:
    vpc = Vpc(boto)
    async with open_signed(
        boto, certificates, vpc.endpoints, lambda: vpc.world.pages()
    ) as vpc.signed:
        yield vpc


async def end_of(stream: ClientConnection) -> tuple[int, str]:
    """Return the code and the reason with which the service closes a stream."""
    with pytest.raises(ConnectionClosed) as caught:
        await asyncio.wait_for(_read_all(stream), PATIENCE)
    close = caught.value.rcvd
    assert close is not None
    return close.code, close.reason


async def _read_all(stream: ClientConnection) -> None:
    while True:
        await stream.recv()


# The list


async def test_endpoint_has_the_facts_of_ec2(vpc: Vpc) -> None:
    (found,) = await vpc.describe()
    assert found["InstanceConnectEndpointId"] == ENDPOINT
    assert (found["VpcId"], found["SubnetId"]) == (VPC, SUBNET)
    assert found["State"] == "create-complete"
    assert found["InstanceConnectEndpointArn"].endswith(f":instance-connect-endpoint/{ENDPOINT}")
    assert vpc.signed.server.url.endswith(found["DnsName"])


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("vpc-id", VPC, 1),
        ("vpc-id", "vpc-0", 0),
        ("subnet-id", SUBNET, 1),
        ("state", "create-complete", 1),
        ("state", "delete-complete", 0),
        ("instance-connect-endpoint-id", ENDPOINT, 1),
    ],
)
async def test_filters_select_endpoints(vpc: Vpc, name: str, value: str, count: int) -> None:
    assert len(await vpc.describe(Filters=[{"Name": name, "Values": [value]}])) == count


async def test_unknown_endpoint_and_filter_are_refused(vpc: Vpc) -> None:
    describe = vpc.signed.client("ec2", region=HOME_REGION).describe_instance_connect_endpoints
    error = await refused(describe, InstanceConnectEndpointIds=["eice-0"])
    assert code_of(error) == "InvalidInstanceConnectEndpointId.NotFound"
    error = await refused(describe, Filters=[{"Name": "colour", "Values": ["red"]}])
    assert code_of(error) == "InvalidParameterValue"


async def test_endpoints_come_in_pages_of_their_region(vpc: Vpc) -> None:
    more = [ConnectEndpoint(f"eice-{number}", HOME_REGION) for number in range(2)]
    vpc.world.model.connect_endpoints += [*more, ConnectEndpoint("eice-9", "eu-west-1")]
    client = vpc.signed.client("ec2", region=HOME_REGION)
    paginator = client.get_paginator("describe_instance_connect_endpoints")
    pages = await call(list, paginator.paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["InstanceConnectEndpoints"]) for page in pages] == [2, 1]


async def test_instance_tells_its_network(vpc: Vpc) -> None:
    client = vpc.signed.client("ec2", region=HOME_REGION)
    answer = await call(client.describe_instances, InstanceIds=[vpc.web.id])
    instance = answer["Reservations"][0]["Instances"][0]
    assert (instance["VpcId"], instance["SubnetId"]) == (VPC, SUBNET)


# Tunnels


async def test_bytes_pass_unchanged_in_frames_of_at_most_64_kib(vpc: Vpc) -> None:
    data = random.Random(3).randbytes(1_000_003)
    async with vpc.open() as stream:

        async def send() -> None:
            for start in range(0, len(data), 60_000):
                await stream.send(data[start : start + 60_000])

        sending = asyncio.ensure_future(send())
        got = b""
        while len(got) < len(data):
            frame = await asyncio.wait_for(stream.recv(), PATIENCE)
            assert isinstance(frame, bytes)
            assert len(frame) <= FRAME_MAX
            got += frame
        await sending
    assert got == data
    assert vpc.tunnels.opened == 1


async def test_end_of_the_port_closes_in_order_after_its_last_byte(vpc: Vpc) -> None:
    data = random.Random(4).randbytes(200_000)

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    vpc.serve = send
    async with vpc.open() as stream:
        got = b""
        while len(got) < len(data):
            frame = await asyncio.wait_for(stream.recv(), PATIENCE)
            assert isinstance(frame, bytes)
            got += frame
        assert got == data
        assert await end_of(stream) == (1000, "")
    assert vpc.tunnels.living == []


async def test_end_of_the_client_reaches_the_port(vpc: Vpc) -> None:
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.set_result(await reader.read())

    vpc.serve = receive
    async with vpc.open() as stream:
        await stream.send(b"x" * 1000)
    assert await asyncio.wait_for(got, PATIENCE) == b"x" * 1000


async def test_refused_port_is_told_by_the_close(vpc: Vpc) -> None:
    vpc.serve = None
    async with vpc.open() as stream:
        assert await end_of(stream) == (1011, "Unable to connect to target")


async def test_stopped_instance_ends_its_tunnels_and_opens_none(vpc: Vpc) -> None:
    vpc.serve = hold
    async with vpc.open() as stream:
        await stream.send(b"x")
        vpc.world.model.set_status(vpc.web, Status.STOPPED)
        assert await end_of(stream) == (1011, "The connection to the target was lost")
    async with vpc.open() as stream:
        assert await end_of(stream) == (1011, "Unable to connect to target")


async def test_tunnel_ends_after_its_duration(vpc: Vpc) -> None:
    vpc.serve = hold
    async with vpc.open(vpc.url(maxTunnelDuration=1)) as stream:
        assert await end_of(stream) == (1008, "Maximum tunnel duration was reached")


async def test_text_is_refused(vpc: Vpc) -> None:
    vpc.serve = hold
    async with vpc.open() as stream:
        await stream.send("text")
        assert (await end_of(stream))[0] == 1003


async def test_broken_off_tunnel_has_no_close_frame(vpc: Vpc) -> None:
    vpc.serve = hold
    async with vpc.open() as stream:
        vpc.tunnels.living[0].break_off()
        with pytest.raises(ConnectionClosed) as caught:
            await asyncio.wait_for(stream.recv(), PATIENCE)
    assert caught.value.rcvd is None


# Requests that are refused


async def test_temporary_keys_open_tunnels(vpc: Vpc) -> None:
    account = vpc.signed.account
    key = account.add_role_key(account.add_role("Admin"), "me", 900.0)
    async with vpc.open(vpc.url(key)) as stream:
        await stream.send(b"hello")
        assert await asyncio.wait_for(stream.recv(), PATIENCE) == b"hello"


@pytest.mark.parametrize("state", ["create-in-progress", "delete-complete"])
async def test_endpoint_that_is_not_in_use_is_refused(vpc: Vpc, state: str) -> None:
    assert state not in USABLE
    vpc.endpoint.state = state
    status, body = await vpc.refused(vpc.url())
    assert status == 400
    assert "InstanceConnectEndpointId is not valid" in body


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"remotePort": 2222}, "Specify either 22 or 3389"),
        ({"remotePort": "ssh"}, "RemotePort is not valid"),
        ({"privateIpAddress": "web"}, "PrivateIpAddress is not valid"),
        ({"privateIpAddress": "10.9.9.9"}, "not in the endpoint's VPC"),
        ({"instanceConnectEndpointId": "eice-0"}, "InstanceConnectEndpointId is not valid"),
        ({"maxTunnelDuration": 3601}, "MaxTunnelDuration is not valid"),
        ({"maxTunnelDuration": 0}, "MaxTunnelDuration is not valid"),
    ],
)
async def test_wrong_parameters_are_refused(vpc: Vpc, changed: dict[str, Any], text: str) -> None:
    status, body = await vpc.refused(vpc.url(**changed))
    assert status == 400
    assert text in body


async def test_other_vpc_is_refused(vpc: Vpc) -> None:
    vpc.web.vpc_id = "vpc-0"
    assert (await vpc.refused(vpc.url()))[0] == 400


async def test_missing_permission_is_refused(vpc: Vpc) -> None:
    vpc.signed.account.deny("ec2-instance-connect:OpenTunnel", f"*/{ENDPOINT}")
    status, body = await vpc.refused(vpc.url())
    assert status == 403
    assert "not authorized to perform: ec2-instance-connect:OpenTunnel" in body


@pytest.mark.parametrize(
    "old", ["remotePort=22", "X-Amz-Expires=60", "X-Amz-Signature=", "ec2-instance-connect%2Faws4"]
)
async def test_changed_query_is_refused(vpc: Vpc, old: str) -> None:
    url = vpc.url()
    assert old in url
    new = {"remotePort=22": "remotePort=3389", "X-Amz-Expires=60": "X-Amz-Expires=61"}
    status, _ = await vpc.refused(url.replace(old, new.get(old, f"{old}0")))
    assert status == 403


async def test_url_expires(vpc: Vpc) -> None:
    url = vpc.url(expires=60)
    vpc.signed.shift = 61.0
    status, body = await vpc.refused(url)
    assert status == 403
    assert "Signature expired" in body


async def test_url_is_valid_as_long_as_it_says(vpc: Vpc) -> None:
    url = vpc.url(expires=900)
    vpc.signed.shift = 600.0
    async with vpc.open(url) as stream:
        await stream.send(b"late")
        assert await asyncio.wait_for(stream.recv(), PATIENCE) == b"late"


async def test_other_region_and_unknown_keys_are_refused(vpc: Vpc) -> None:
    account = vpc.signed.account
    assert (await vpc.refused(vpc.url(region="eu-west-1")))[0] == 400  # no such endpoint there
    assert (await vpc.refused(vpc.url(region="me-south-1")))[0] == 403  # not enabled
    key = account.add_user("gone")
    url = vpc.url(key)
    account.revoke(key)
    assert (await vpc.refused(url))[0] == 403
    expiring = account.add_role_key(account.add_role("Short"), "me", 30.0)
    url = vpc.url(expiring, expires=900)
    vpc.signed.shift = 31.0
    assert (await vpc.refused(url))[0] == 403


async def test_request_without_a_signature_is_refused(vpc: Vpc) -> None:
    assert (await vpc.refused(vpc.url().partition("&X-Amz")[0]))[0] == 403

"""The tunnels of EC2 Instance Connect Endpoints: WebSockets whose frames are a port's bytes.

AWS documents the request, the ports, the addresses and the longest duration. Its answers to wrong
requests and its close codes are not documented: those here are choices. The AWS CLI treats the
code 1000 as the end in order, and shows the reason of every other code.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType, web

from ..account import Account, Refusal
from ..errors import ApiError
from ..rest import Page
from ..signed import JSON
from .model import ConnectEndpoint, Ec2Model, Instance, Status

SERVICE, ACTION = "ec2-instance-connect", "ec2-instance-connect:OpenTunnel"

#: The only ports that an endpoint connects to.
PORTS = (22, 3389)

#: The longest duration of a tunnel, in seconds.
DURATION_MAX = 3600

#: Bytes of a frame. Those that we send have at most so many; larger ones are refused.
FRAME_MAX = 64 * 1024

#: The states of an endpoint that is in use.
USABLE = ("create-complete", "update-in-progress", "update-complete", "update-failed")

#: Seconds that a client may take to answer a close frame.
_CLOSE_TIMEOUT = 2.0

#: An end: the close code and the reason.
_End = tuple[int, str]
_IN_ORDER: _End = (WSCloseCode.OK, "")


@dataclass(eq=False)
class Tunnel:
    """A tunnel that lives.

    :ivar duration: seconds until it ends by itself.
    """

    endpoint: ConnectEndpoint
    instance: Instance
    duration: float
    ended: asyncio.Future[_End]
    transport: asyncio.BaseTransport | None

    def end(self, code: int, reason: str) -> None:
        """Close the tunnel with a code and a reason."""
        if not self.ended.done():
            self.ended.set_result((code, reason))

    def break_off(self) -> None:
        """Drop the client's connection without a close frame."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()


class Tunnels:
    """Opens tunnels: ``GET /openTunnel``.

    :param dial: connects to the SSH server of a machine by its id; raises OSError if it refuses.
    :ivar living: the tunnels now.
    :ivar opened: the number of all tunnels that were ever opened.
    :ivar duration_max: seconds; may be changed at any time.
    """

    def __init__(
        self,
        account: Account,
        model: Ec2Model,
        dial: Callable[[str], Awaitable[socket.socket]],
    ) -> None:
        self.living: list[Tunnel] = []
        self.opened = 0
        self.duration_max: float = DURATION_MAX
        self._account = account
        self._model = model
        self._dial = dial

    def page(self) -> Page:
        return Page("GET", "/openTunnel", self._answer)

    def end(self, instance: Instance) -> None:
        """Close the tunnels to an instance that stops."""
        for tunnel in self.living:
            if tunnel.instance is instance:
                tunnel.end(WSCloseCode.INTERNAL_ERROR, "The connection to the target was lost")

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            tunnel = self._admit(request)
        except ApiError as error:
            body = {"ErrorCode": error.code, "Message": error.message}
            return web.json_response(body, status=error.status)
        stream = web.WebSocketResponse(
            timeout=_CLOSE_TIMEOUT, max_msg_size=FRAME_MAX, compress=False
        )
        await stream.prepare(request)
        self.living.append(tunnel)
        self.opened += 1
        try:
            code, reason = await self._run(tunnel, stream)
        finally:
            self.living.remove(tunnel)
        await stream.close(code=code, message=reason.encode())
        return stream

    def _admit(self, request: web.Request) -> Tunnel:
        """Return the tunnel that a request asks for.

        :raises ApiError: when the request is not signed or not allowed, or asks for nothing that
            the endpoint has.
        """
        try:
            caller, region = self._account.authenticate_presigned(
                SERVICE, request.method, request.raw_path, request.headers
            )
        except Refusal as refusal:
            error = JSON.refuse(refusal)
            raise ApiError(error.message, error.code, 403) from None
        query = request.query
        id = query.get("instanceConnectEndpointId", "")
        arn = self._account.arn("ec2", region, f"instance-connect-endpoint/{id}")
        sentence = self._account.denied(caller, ACTION, arn)
        if sentence is not None:
            raise ApiError(sentence, "AccessDenied", 403)
        endpoint = next(
            (
                each
                for each in self._model.connect_endpoints
                if (each.id, each.region) == (id, region) and each.state in USABLE
            ),
            None,
        )
        if endpoint is None:
            raise _invalid("The specified InstanceConnectEndpointId is not valid.")
        _check_port(query)
        instance = self._instance_at(query.get("privateIpAddress", ""), endpoint)
        longest = _whole(query, "maxTunnelDuration", DURATION_MAX)
        if not 1 <= longest <= DURATION_MAX:
            raise _invalid("The specified MaxTunnelDuration is not valid.")
        ended: asyncio.Future[_End] = asyncio.get_running_loop().create_future()
        duration = min(longest, self.duration_max)
        return Tunnel(endpoint, instance, duration, ended, request.transport)

    def _instance_at(self, address: str, endpoint: ConnectEndpoint) -> Instance:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise _invalid("The specified PrivateIpAddress is not valid.") from None
        for instance in self._model.instances(endpoint.region):
            if (instance.address, instance.vpc_id) == (address, endpoint.vpc_id):
                return instance
        raise _invalid("The specified PrivateIpAddress is not in the endpoint's VPC.")

    async def _run(self, tunnel: Tunnel, stream: web.WebSocketResponse) -> _End:
        """Carry the bytes; return how the tunnel ends."""
        try:
            if tunnel.instance.status is not Status.RUNNING:
                raise ConnectionRefusedError
            connection = await self._dial(tunnel.instance.id)
        except OSError:
            return WSCloseCode.INTERNAL_ERROR, "Unable to connect to target"
        reader, writer = await asyncio.open_connection(sock=connection, limit=FRAME_MAX)
        up = asyncio.ensure_future(_carry_up(stream, writer))
        down = asyncio.ensure_future(_carry_down(reader, stream))
        carriers = (up, down)
        try:
            done, _ = await asyncio.wait(
                (*carriers, tunnel.ended),
                timeout=tunnel.duration,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                return WSCloseCode.POLICY_VIOLATION, "Maximum tunnel duration was reached"
            return next(future for future in (tunnel.ended, down, up) if future in done).result()
        finally:
            for carrier in carriers:
                carrier.cancel()
            await asyncio.gather(*carriers, return_exceptions=True)
            writer.close()


async def _carry_up(stream: web.WebSocketResponse, writer: asyncio.StreamWriter) -> _End:
    """Write the client's frames to the port, until either ends."""
    async for message in stream:
        if message.type is not WSMsgType.BINARY:
            return WSCloseCode.UNSUPPORTED_DATA, "Only binary frames are supported"
        writer.write(message.data)
        try:
            await writer.drain()
        except OSError:
            return WSCloseCode.INTERNAL_ERROR, "The connection to the target was lost"
    return _IN_ORDER


async def _carry_down(reader: asyncio.StreamReader, stream: web.WebSocketResponse) -> _End:
    """Send the port's bytes to the client. The port's end is the tunnel's, in order."""
    try:
        while data := await reader.read(FRAME_MAX):
            await stream.send_bytes(data)
    except OSError:
        return WSCloseCode.INTERNAL_ERROR, "The connection to the target was lost"
    return _IN_ORDER


def _check_port(query: Mapping[str, str]) -> None:
    if _whole(query, "remotePort", 0) not in PORTS:
        raise _invalid(
            "The specified RemotePort is not valid. Specify either 22 or 3389 as the RemotePort "
            "and retry your request."
        )


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        return -1


def _invalid(text: str) -> ApiError:
    return ApiError(text, "InvalidParameter")

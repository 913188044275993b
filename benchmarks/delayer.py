"""An HTTP proxy for CONNECT that delays everything by ``SECONDS`` one way.

CONNECT itself takes a round trip, as TCP does over such a distance. The proxy prints its port, and
ends with its stdin.
"""

from __future__ import annotations

import asyncio
import sys

_CHUNK = 64 * 1024


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: float) -> None:
    loop = asyncio.get_running_loop()
    try:
        while data := await reader.read(_CHUNK):
            loop.call_later(way, writer.write, data)
    except OSError:
        return  # the close tells the other end
    finally:
        loop.call_later(way, writer.close)


async def _serve(
    client: asyncio.StreamReader, to_client: asyncio.StreamWriter, one_way: float
) -> None:
    head = await client.readuntil(b"\r\n\r\n")
    host, _, port = head.split(b" ")[1].decode().rpartition(":")
    server, to_server = await asyncio.open_connection(host, int(port))
    await asyncio.sleep(2 * one_way)
    to_client.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(_carry(client, to_server, one_way), _carry(server, to_client, one_way))


async def main(one_way: float) -> None:
    server = await asyncio.start_server(
        lambda reader, writer: _serve(reader, writer, one_way), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))

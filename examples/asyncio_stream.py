"""A local port that leads to the SSH server of a Dev Environment, by asyncio.

    python examples/asyncio_stream.py my-env 2222
    ssh -p 2222 mde-user@localhost

Use it for programs that can connect to a port and cannot run a ProxyCommand. Each connection gets
its own session. Every user of this machine can connect to the port.
"""

import asyncio
import sys

import connector


async def main(name: str, port: str) -> None:
    tasks = set()  # keep a reference: asyncio drops tasks without one

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(name, reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", int(port))
    print(f"port {server.sockets[0].getsockname()[1]} leads to {name}", flush=True)
    async with server:
        await server.serve_forever()


async def serve(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one connection."""
    try:
        async with connector.connect(name) as stream:
            ways = [
                asyncio.create_task(upload(reader, stream)),
                asyncio.create_task(download(stream, writer)),
            ]
            try:
                done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in done:
                    way.result()
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.wait(ways)
    except connector.ConnectorError as error:
        print(error, file=sys.stderr)
    except ConnectionError:
        return  # the client has disconnected
    finally:
        writer.close()


async def upload(reader: asyncio.StreamReader, stream: connector.Stream) -> None:
    while data := await reader.read(65536):
        await stream.write(data)


async def download(stream: connector.Stream, writer: asyncio.StreamWriter) -> None:
    while data := await stream.read():
        writer.write(data)
        await writer.drain()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)

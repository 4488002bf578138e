"""The first process of a model service, as the service's own user: starts the image's own server and relays the one socket to
its port.

The service has a network of its own that leads nowhere, so nobody could reach the server's port but from inside: this process
listens on the socket in the service's folder and copies bytes between the two. TERM: nothing new is taken, what is under way
is answered, then the server ends. When the server ends by itself, so does this process, and not as if all were well.

What it reads is the image's own config, which root copied beside the image when it was sealed.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time

SPEC = "/job/spec/image.json"
SOCKET = "/job/scratch/http.sock"
# Docker's, for an image that states none.
IMAGE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BLOCK = 1 << 16
# How long requests that are under way have, and how long a connection may be quiet before it is taken for an idle one.
DRAIN_SECONDS = 25
QUIET_SECONDS = 1
# How long the server has to end by itself.
END_SECONDS = 15


def main():
    with open(SPEC) as file:
        spec = json.load(file)
    return asyncio.run(Service(spec).run())


def environment(spec):
    ours = {"PATH": IMAGE_PATH, "LANG": "C.UTF-8", "HOME": "/tmp"}
    return {**ours, **{str(key): str(value) for key, value in spec["variables"].items()}, "TMPDIR": "/tmp"}


class Service:
    def __init__(self, spec):
        self.spec = spec
        self.connections = set()
        self.stopping = asyncio.Event()

    async def run(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stopping.set)
        server = await self.start_server()
        # Of a start before this one: nobody listens on it any more.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(SOCKET)
        listener = await asyncio.start_unix_server(self.accept, SOCKET, limit=BLOCK, backlog=256)
        os.chmod(SOCKET, 0o660)
        ended, stopped = asyncio.ensure_future(server.wait()), asyncio.ensure_future(self.stopping.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(SOCKET)
        if ended.done():
            print("edge-train: the model's server ended by itself (%d)" % ended.result(), file=sys.stderr)
            return 1
        await self.drain()
        return await self.end(server, ended)

    async def start_server(self):
        command = self.spec["entrypoint"] + self.spec["command"]
        # In a group of its own: systemd's TERM is for this process, which drains first.
        return await asyncio.create_subprocess_exec(
            *["/bin/sh", "-c", 'cd "$0" && exec "$@"', self.spec["workingDirectory"] or "/", *command],
            env=environment(self.spec),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )

    async def accept(self, reader, writer):
        connection = Connection(reader, writer, self.spec["port"])
        self.connections.add(connection)
        try:
            await connection.carry()
        finally:
            self.connections.discard(connection)

    async def drain(self):
        until = time.monotonic() + DRAIN_SECONDS
        while self.connections and time.monotonic() < until:
            for connection in list(self.connections):
                connection.close_if_idle()
            await asyncio.sleep(0.1)

    async def end(self, server, ended):
        with contextlib.suppress(ProcessLookupError):
            server.terminate()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(ended), END_SECONDS)
        if not ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            await ended
        return 0


class Connection:
    """Bytes both ways; asked last by whom and when tells a request that is under way from a connection that is kept alive."""

    def __init__(self, reader, writer, port):
        self.reader, self.writer, self.port = reader, writer, port
        self.waits_for_answer = False
        self.last = time.monotonic()
        self.far = None

    async def carry(self):
        try:
            far_reader, self.far = await asyncio.open_connection("127.0.0.1", self.port, limit=BLOCK)
        except OSError:
            # The server is not up: whoever asks sees a closed connection, and asks again.
            return self.close()
        try:
            await asyncio.gather(self.copy(self.reader, self.far, True), self.copy(far_reader, self.writer, False))
        finally:
            self.close()

    async def copy(self, reader, writer, asks):
        try:
            while True:
                block = await reader.read(BLOCK)
                if not block:
                    break
                self.waits_for_answer, self.last = asks, time.monotonic()
                writer.write(block)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.close()

    def close_if_idle(self):
        if not self.waits_for_answer and time.monotonic() - self.last > QUIET_SECONDS:
            self.close()

    def close(self):
        for each in filter(None, (self.writer, self.far)):
            each.close()


if __name__ == "__main__":
    sys.exit(main())

"""Carries bytes between the cage's loopback and the tracking server's socket, so that an MLflow client works as it is.

The port is listened on before the script starts; what answers is looked for at each connection, so a server that starts
late, or again, is only waited for. One thread, however many connections.
"""

import socket
import threading

PORT = 5000
SOCKET = "/job/relay/mlflow.sock"
BLOCK = 1 << 16
# MLflow's clients ask again, for minutes, after most errors of a server; this status they show at once.
ABSENT = b"edge-train: this job's MLflow tracking server cannot be had, and does not come back; nothing can be logged\n"
REFUSAL = b"HTTP/1.1 424 Failed Dependency\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
    len(ABSENT),
    ABSENT,
)


def listen():
    """Before the script starts, so that its first request is not refused."""
    # The protocol is named, or asyncio would not turn Nagle's algorithm off: 40 ms an answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", PORT))
    listener.listen(256)
    return listener


def serve(listener, tell):
    """In a thread of its own, after the fork. `tell` writes to the job's log: once, when there is no server to be had."""
    threading.Thread(target=run, args=(listener, tell), daemon=True).start()


def run(listener, tell):
    import asyncio  # costs the script's start nothing here

    told = []

    async def handle(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(SOCKET)
        except OSError:
            if not told:
                told.append(True)
                tell(ABSENT)
            far_writer = None
            await reader.read(BLOCK)
            writer.write(REFUSAL)
        else:
            await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
        for each in filter(None, (writer, far_writer)):
            each.close()

    async def copy(reader, writer):
        """One direction, to its end; the other may still have something to say."""
        try:
            while True:
                block = await reader.read(BLOCK)
                if not block:
                    break
                writer.write(block)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.close()

    async def main():
        server = await asyncio.start_server(handle, sock=listener, limit=BLOCK)
        async with server:
            await server.serve_forever()

    asyncio.run(main())

"""An upstream in a process of its own, so that it can be killed and stopped: `backend.py HOST PORT NAME`.

A client's first bytes are a number (4 bytes) and a wish: b"e" for an echo, b"b" for bulk. The answer
begins with the name (one letter); bulk then is an endless stream that the number determines.
"""

import asyncio
import contextlib
import random
import socket
import struct
import sys

BLOCK = 16 << 10
_BLOCKS = random.Random(1999).randbytes(256 * BLOCK)


def bulk_block(number, index):
    """Block `index` of a session's bulk stream."""
    at = (number * 7 + index) % 256 * BLOCK
    return _BLOCKS[at:at + BLOCK]


async def _serve(reader, writer, name):
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        number, wish = struct.unpack("!Ic", await reader.readexactly(5))
        writer.write(name)
        if wish == b"b":
            index = 0
            while True:
                writer.write(bulk_block(number, index))
                await writer.drain()
                index += 1
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


async def _main(host, port, name):
    sock = socket.create_server((host, int(port)), backlog=4096)
    server = await asyncio.start_server(
        lambda reader, writer: _serve(reader, writer, name.encode()), sock=sock, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))

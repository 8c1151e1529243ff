"""Bytes that know their place: losing, repeating or swapping any of them is noticed.

A stream is endless and fully determined by its seed. It consists of blocks of the same random
bytes, into which the block's number is woven every 4 KiB; so a reader can compare at the speed of
memcmp and name the offset of the first wrong byte.
"""

import random

from sizes import KiB

BLOCK = 256 * KiB
STEP = 4 * KiB


class Stream:
    def __init__(self, seed):
        self._block = bytearray(random.Random(seed).randbytes(BLOCK))

    def block(self, number):
        """Block `number`; valid until the next call."""
        for place in range(4):
            marks = bytes([number >> 8 * place & 255]) * (BLOCK // STEP)
            self._block[place::STEP] = marks
        return self._block


class Writer:
    """Writes a stream to a socket, going on where it stopped."""

    def __init__(self, sock, seed=0):
        self.sock, self.position = sock, 0
        self._stream = Stream(seed)

    def write(self, size, piece=BLOCK):
        """Write `size` more bytes, at most `piece` in one call."""
        end = self.position + size
        while self.position < end:
            number, offset = divmod(self.position, BLOCK)
            count = min(end - self.position, BLOCK - offset, piece)
            with memoryview(self._stream.block(number)) as block:
                self.sock.sendall(block[offset:offset + count])
            self.position += count


class Reader:
    """Reads a stream from a socket and insists on every byte."""

    def __init__(self, sock, seed=0):
        self.sock, self.position = sock, 0
        self._stream = Stream(seed)
        self._received = bytearray(BLOCK)

    def read(self, size):
        """Read exactly `size` more bytes."""
        wanted = self.position + size
        while self.position < wanted:
            assert self._read_some(wanted - self.position), \
                f"the stream ended at {self.position}, {wanted - self.position} bytes short"

    def read_to_end(self):
        """Read on until the stream ends: 'fin' or 'reset'. `position` tells how far it came."""
        try:
            while self._read_some(BLOCK):
                pass
            return "fin"
        except ConnectionResetError:
            return "reset"

    def _read_some(self, limit):
        number, offset = divmod(self.position, BLOCK)
        with memoryview(self._received) as buffer:
            count = self.sock.recv_into(buffer[offset:offset + min(limit, BLOCK - offset)])
        got = self._received[offset:offset + count]
        expected = self._stream.block(number)[offset:offset + count]
        if got != expected:
            first = next(i for i, (a, b) in enumerate(zip(got, expected)) if a != b)
            raise AssertionError(f"wrong byte at offset {self.position + first}")
        self.position += count
        return count

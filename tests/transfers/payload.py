"""The bytes of a transfer: a slice of one random block, so that no stream is stored twice."""

import random

MIB = 1 << 20

# The longest transfer, and the space in which a shorter one can start.
LARGEST = 64 * MIB
_BLOCK = random.Random(8).randbytes(LARGEST + MIB)

# So many bytes occur only once in a payload.
UNIQUE = 32


class Payload:
    """A stream of known bytes: `size` bytes of `block` from `start`."""

    def __init__(self, block, start, size):
        self.block, self.start, self.size = block, start, size

    def piece(self, offset, length):
        end = min(offset + length, self.size)
        return memoryview(self.block)[self.start + offset:self.start + end]

    def matches(self, data, offset):
        """Whether `data` is what the stream holds at `offset`."""
        fits = offset + len(data) <= self.size
        return fits and self.block.startswith(data, self.start + offset)

    def find(self, data):
        """The offset of `data` in the stream, or -1."""
        place = self.block.find(data, self.start, self.start + self.size)
        return place - self.start if place >= 0 else -1


def binary(rng, size):
    return Payload(_BLOCK, rng.randrange(MIB), size)


def text(rng, size):
    """Lines that end in LF or CR LF, and what `--crlf` makes of them."""
    lines = []
    left = size
    while left > 0:
        line = b"x" * min(left, rng.randrange(120)) + rng.choice([b"\n", b"\r\n"])
        lines.append(line)
        left -= len(line)
    given = b"".join(lines)
    sent = given.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return Payload(given, 0, len(given)), Payload(sent, 0, len(sent))


class Receiver:
    """Compares what arrives with a payload.

    With `middle`, the stream may start at any offset of the payload: at the one where the first
    bytes are found.
    """

    def __init__(self, expected, middle=False):
        self.expected = expected
        self.count = 0
        self.exact = True
        self.offset = None if middle else 0
        self._head = b""

    def add(self, data):
        self.count += len(data)
        if self.offset is None:
            self._head += data
            if len(self._head) < UNIQUE:
                return
            self.offset = self.expected.find(self._head[:UNIQUE])
            self.exact = self.offset >= 0 and self.expected.matches(self._head, self.offset)
        elif self.exact:
            self.exact = self.expected.matches(data, self.offset + self.count - len(data))

    def end(self):
        """The offset in the payload up to which all bytes have arrived."""
        if self.offset is None:
            # Too short to be found anywhere: it must be the last bytes.
            self.offset = self.expected.size - self.count
            self.exact = self.offset >= 0 and self.expected.matches(self._head, self.offset)
        return self.offset + self.count

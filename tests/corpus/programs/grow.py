"""A Python program whose memory grows in zlib and in its own objects."""

import sys
import zlib

kept: list[object] = []


def compress(times: int) -> None:
    for number in range(times):
        packer = zlib.compressobj(9)
        packer.compress(b"page %d" % number)
        kept.append(packer)


if __name__ == "__main__":
    compress(int(sys.argv[1]))
    kept.extend(bytearray(4096) for _ in range(500))
    sys.stdout.flush()

"""Is a picture file whole? OpenCV decodes the first half of one without an error and greys out the rest."""

from __future__ import annotations

import struct
import zlib


def damage(data: bytes) -> str | None:
    """Say what is wrong with the bytes of a JPEG, PNG, BMP or WebP file; None if nothing is.

    Other kinds (TIFF) are left to their decoder, which refuses what is cut short.
    """
    if not data:
        return "the file is empty"
    if data.startswith(b"\xff\xd8"):
        return _jpeg_damage(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png_damage(data)
    if data.startswith(b"BM"):
        return _bmp_damage(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp_damage(data)
    return None


def _jpeg_damage(data: bytes) -> str | None:
    """Walk the segments to the first scan: the thumbnail before it has an end-of-image marker of its own.

    Inside a scan a 0xFF byte is always followed by 0x00 or a marker, so the search cannot hit picture data.
    """
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return "the JPEG has bytes between its segments"
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:  # start of scan
            return None if data.find(b"\xff\xd9", at) >= 0 else "the JPEG is cut short (no end-of-image marker)"
    return "the JPEG is cut short (no picture data)"


def _png_damage(data: bytes) -> str | None:
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        end = at + 8 + length
        if end + 4 > len(data):
            break
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return f"the PNG is damaged (checksum of its {kind.decode('latin-1')} part)"
        if kind == b"IEND":
            return None
        at = end + 4
    return "the PNG is cut short (no end marker)"


def _bmp_damage(data: bytes) -> str | None:
    if len(data) < 34:
        return "the BMP is cut short (incomplete header)"
    offset, header_size = struct.unpack_from("<II", data, 10)
    if header_size < 40:  # the 12-byte header of OS/2: 16-bit sizes, never compressed
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    if compression not in (0, 3):  # run-length coded: the size is not known beforehand
        return None
    needed = offset + (width * bits + 31) // 32 * 4 * abs(height)
    return f"the BMP is cut short ({len(data)} of {needed} bytes)" if len(data) < needed else None


def _webp_damage(data: bytes) -> str | None:
    needed = 8 + int.from_bytes(data[4:8], "little")
    return f"the WebP is cut short ({len(data)} of {needed} bytes)" if len(data) < needed else None

"""The bytes under a masked text stream."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from typing import Any


class MaskedBytes(io.RawIOBase):
    """`sys.stdout.buffer`: what is written to it is the stream's text; what is no UTF-8 is shown as escapes."""

    def __init__(self, write_text: Callable[[str], int]) -> None:
        self._write_text = write_text
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Write a bytes-like object; returns its length in bytes."""
        content = bytes(data)
        self._write_text(self._decoder.decode(content))
        return len(content)

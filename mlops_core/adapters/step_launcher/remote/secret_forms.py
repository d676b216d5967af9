"""What the value of a secret looks like where it is quoted, escaped or encoded."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from mlops_core.looks_secret import secrets_within

SHORTEST = 4  # a shorter value is no secret, and would be found within half of all words
SHORTEST_PART = 8  # of a line, or of base64, which might stand for something else
LEVELS = 3  # a text may be quoted within a text that is quoted; the JSON of an event is one of them


def forms(secret: str) -> set[str]:
    """A secret as it is; as Python, JSON and URLs quote it; in base64, alone or within a longer text; its lines; and
    the password or signature in an address.
    """
    lines = {line.strip() for line in secret.splitlines()} - {secret}
    plain = {text for text in (secret, *secrets_within(secret)) if len(text) >= SHORTEST}
    encoded = {form for text in plain for form in (*_quoted_deeply(text), *_in_url(text), *_in_base64(text))}
    return encoded.union(*(_quoted_deeply(line) for line in lines if len(line) >= SHORTEST_PART))


def _quoted_deeply(text: str) -> set[str]:
    found = {text}
    for _ in range(LEVELS):
        found |= {quoted for form in found for quoted in _quoted(form)}
    return found


def _quoted(text: str) -> tuple[str, ...]:
    as_bytes = repr(text.encode(errors="surrogatepass"))
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1], as_bytes[2:-1]


def _in_url(text: str) -> Iterator[str]:
    data = text.encode(errors="surrogatepass")
    for quoted in (quote(data), quote(data, safe=""), quote_plus(data)):
        yield from (quoted, re.sub("%..", lambda code: code[0].lower(), quoted))


def _in_base64(text: str) -> Iterator[str]:
    """Its base64, and what of it does not depend on what stands before and behind (`user:password` of a header)."""
    data = text.encode(errors="surrogatepass")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            encoded = encode(bytes(before) + data).decode()
            own = encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
            if len(own) >= SHORTEST_PART:
                yield own
        yield encode(data).decode()

"""What looks like a secret: names of variables and files, and values that carry one.

Such things are never staged, and sentences that people read are without them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

MASK = "[secret]"
WORDS = (
    r"token(?!s|iz)|secret|passw|passphrase|credential|webhook|conn(?:ection)?[_-]?str|"
    r"(?:private|access|account|api)[_-]?key"
)
SHORT_WORDS = r"pass|pwd|sas|pat|pgpass|netrc"  # within longer words they mean something else
NAME = re.compile(rf"{WORDS}|(?:^|[^a-z])(?:{SHORT_WORDS})(?:[^a-z]|$)", re.IGNORECASE)
PARAMETER = (
    rf"(?![\w.-]*(?:name|id)\s*=)[\w.-]*(?:{WORDS})[\w.-]*|{SHORT_WORDS}|sig|(?:x-amz-)?signature|sharedaccesssignature"
)
PART = r"[^/@:\s]"
OF_USER = r"[^/@\s]+(?:@[^/@\s\"',;]+)*"  # with an @ that somebody has not escaped: up to the last one
IN_USER_INFO = re.compile(rf"(://)(?:{PART}*:({OF_USER})|(?<=http://)({PART}+)|(?<=https://)({PART}+))@", re.IGNORECASE)
END = r"(?=[:.,)]*(?:[\s;&\"']|$))"  # punctuation behind it is the sentence's
QUOTED = r"'[^'\n]+'|\"[^\"\n]+\"|\{[^}\n]+\}"  # as libpq, ADO.NET and ODBC write a value with blanks or semicolons
IN_PARAMETER = re.compile(rf"((?:^|[?&#;\s\"'])(?:{PARAMETER})\s*=\s*)({QUOTED}|[^\s;&\"']+?){END}", re.IGNORECASE)
TOKEN = re.compile(
    r"\b(?:dapi|dose)[0-9a-f]{32}|\w{3}8Q~[\w~.-]{30}|\beyJ[\w-]{10,}\.eyJ[\w.-]*|\bgh[pousr]_\w{30,}|\bgithub_pat_\w{30,}"
    r"|\bAKIA[A-Z0-9]{16}\b|\b[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}\b|\bhf_[A-Za-z0-9]{30,}\b|\bxox[a-z]-[\w-]{10,}"
)
WEBHOOK = re.compile(r"(?<=webhook\.office\.com/)(webhookb2/[^\s\"']+)", re.IGNORECASE)
IN_HEADER = re.compile(r"\b(Bearer |Basic )(?=[A-Za-z.~+/_=-]*\d)[\w.~+/=-]{16,}", re.IGNORECASE)
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[\s\w+/=:,-]*?-----END [A-Z ]*PRIVATE KEY-----)?")
VALUES = {
    "a password or a token in its address": IN_USER_INFO,
    "a secret among its parameters": IN_PARAMETER,
    "a webhook's address in it": WEBHOOK,
    "a private key in it": PRIVATE_KEY,
    "a token in it": TOKEN,
}
SECRET_SUFFIXES = frozenset({".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", ".gpg"})
SECRET_FILE = re.compile(r"service[_-]?account|id_(?:rsa|dsa|ecdsa|ed25519)|^\.(?:env|databrickscfg|pypirc|npmrc)\b")
SHORTEST_UNASKED = 8
CODE_SUFFIXES = frozenset({".py", ".pyi", ".sql", ".j2", ".md", ".so", ".pyd"})  # code about secrets is code


def names_secret(name: str) -> bool:
    """Whether a variable's name says that its value is a secret: DB_PWD and API_TOKEN, not MAX_TOKENS or COMPASS."""
    return NAME.search(name) is not None


def secret_in(value: str) -> str | None:
    """What of a value looks like a secret, in words that follow "has", or None."""
    return next((what for what, pattern in VALUES.items() if pattern.search(value)), None)


def secret_values(environ: Mapping[str, str]) -> list[str]:
    """What an environment has of secrets: whole values by the names of variables, and parts of addresses."""
    by_name = [value for name, value in environ.items() if names_secret(name) and _may_be_secret(value)]
    return [*by_name, *(part for value in environ.values() for part in secrets_within(value))]


def _may_be_secret(value: str) -> bool:
    """Not a path (of a token's file) or a word (of an audience), which would be masked wherever people write it."""
    return len(value) >= SHORTEST_UNASKED and not value.startswith("/") and not value.isalpha()


def is_secret_file(path: str) -> bool:
    """Whether a file's name says that it holds a secret: token.txt, service-account.json, secrets.yml, a .pem."""
    name = path.rpartition("/")[2].lower()
    suffix = name[name.rfind(".") :] if "." in name else ""
    if suffix in CODE_SUFFIXES:
        return False
    return suffix in SECRET_SUFFIXES or names_secret(name) or SECRET_FILE.search(name) is not None


def secrets_within(value: str) -> list[str]:
    """The passwords, tokens and signatures of an address or a connection string, also as a driver may show them."""
    found = [
        part for pattern in (IN_USER_INFO, IN_PARAMETER) for groups in pattern.findall(value) for part in groups[1:]
    ]
    quoted = [part for part in found if re.fullmatch(QUOTED, part)]
    found += [part[1:-1] for part in quoted if not (part[0] == "{" and part[1:-1].isidentifier())]  # a placeholder
    return list(dict.fromkeys(form for part in found if part for form in (part, unquote(part))))


def without_secrets(text: str) -> str:
    """A text whose addresses, connection strings and headers have no user, password, token, key or signature."""
    text = IN_PARAMETER.sub(rf"\1{MASK}", IN_USER_INFO.sub(r"\1", text))
    text = IN_HEADER.sub(rf"\1{MASK}", text)
    for pattern in (WEBHOOK, PRIVATE_KEY, TOKEN):
        text = pattern.sub(MASK, text)
    return text

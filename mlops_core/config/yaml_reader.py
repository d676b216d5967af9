"""YAML as the bundle CLI reads it: `no`, `on` and `12:30` are texts, 010 is ten, a date is the text as it was written.

Sources: `resolve.go` of yaml.v3, with which the CLI reads, and the CLI's `libs/dyn/yamlloader`.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

import yaml

TAG = "tag:yaml.org,2002:"
WORDS = {
    "null": re.compile(r"~|null|Null|NULL|"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "float": re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
    "merge": re.compile("<<"),
    "timestamp": re.compile(r"\d{4}-\d\d?-\d\d?([Tt ]\d\d?:\d\d?:\d\d?(\.\d+)?(Z|[-+]\d\d:\d\d)?)?"),
}
INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9]\d*)")
DECIMAL = re.compile(r"[-+]?\d+")
FLOAT = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?")
STRAY_UNDERSCORE = re.compile(r"(?<![0-9a-fA-FxXbBoO])_|_(?![0-9a-fA-F])")
STRAY_IN_FLOAT = re.compile(r"(?<!\d)_|_(?!\d)")
BASES = {"0x": 16, "0b": 2}
UNSIGNED, SIGNED = 2**64, range(-(2**63), 2**63)


class Moment(str):
    """A date or time that was written without quotes, as it was written."""

    __slots__ = ()


class BundleLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML with the CLI's scalars and merge keys; refuses a key that is written twice."""

    def resolve(self, kind: type[yaml.Node], value: str, implicit: Any) -> str:
        if kind is yaml.ScalarNode and implicit[0]:
            return TAG + _tag(value)
        return str(super().resolve(kind, value, implicit))

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:  # noqa: ARG002
        """Own entries win over merged ones, and of several merged mappings the last."""
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == f"{TAG}merge":
                for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    merged |= self._to_merge(source)
            elif key.tag not in (f"{TAG}str", f"{TAG}null"):
                raise _fault("a key is no text: put it into quotes", key)
            elif key.value in own:
                raise _fault(f"the key {key.value} is written twice", key)
            else:
                own[key.value] = self.construct_object(value, deep=True)
        return merged | own

    def _to_merge(self, node: yaml.Node) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise _fault("<< takes a mapping, or a list of mappings", node)
        return self.construct_mapping(node)

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        """Zeros at the left say nothing, unless a letter or an underscore follows."""
        text = node.value.lstrip("0")
        number = int(text) if DECIMAL.fullmatch(text) else _integer(node.value.replace("_", ""))
        if number not in SIGNED or STRAY_UNDERSCORE.search(node.value):
            raise _fault(f"{node.value} is no number that the bundle CLI reads: put it into quotes", node)
        return number

    def construct_number(self, node: yaml.ScalarNode) -> float:
        if STRAY_IN_FLOAT.search(node.value):
            raise _fault(f"{node.value} is no number that the bundle CLI reads: put it into quotes", node)
        return float(re.sub(r"\.(?=[a-zA-Z])", "", node.value.replace("_", "")))

    def construct_moment(self, node: yaml.ScalarNode) -> Moment:
        return Moment(node.value)


BundleLoader.add_constructor(f"{TAG}int", BundleLoader.construct_integer)
BundleLoader.add_constructor(f"{TAG}float", BundleLoader.construct_number)
BundleLoader.add_constructor(f"{TAG}timestamp", BundleLoader.construct_moment)


def _tag(text: str) -> str:
    for tag, pattern in WORDS.items():
        if pattern.fullmatch(text):
            return tag
    is_text = text[0] == "_" or (text[0] == "." and STRAY_IN_FLOAT.search(text))
    plain = text if is_text else text.replace("_", "")
    if INTEGER.fullmatch(plain) and (_integer(plain) in SIGNED or 0 <= _integer(plain) < UNSIGNED):
        return "int"
    return "float" if FLOAT.fullmatch(plain) and isfinite(float(plain)) else "str"


def _integer(plain: str) -> int:
    unsigned = plain.lstrip("+-").lower()
    return int(plain, BASES.get(unsigned[:2], 8 if unsigned[0] == "0" else 10))


def _fault(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)

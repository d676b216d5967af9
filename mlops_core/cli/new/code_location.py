"""The code location of a project in workspace.yaml, added without touching what else people wrote there."""

from __future__ import annotations

from typing import Any

import yaml

INDENT = 2


class CodeLocationError(ValueError):
    """What the file says can't be added to: one sentence with the lines to add by hand."""


def with_code_location(text: str, name: str) -> str:
    """The text of workspace.yaml with the project's code location; as it is where that is listed.

    Raises:
        CodeLocationError: it is no YAML, or its list is of a form that nothing is added to.
    """
    try:
        read, root = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise CodeLocationError(f"workspace.yaml is no valid YAML ({str(error).splitlines()[0]}): mend it.") from error
    listed = (read.get("load_from") or []) if isinstance(read, dict) else [] if read is None else None
    if not isinstance(listed, list):
        raise CodeLocationError(_by_hand(name))
    if any(_module(each) == f"{name}.definitions" for each in listed):
        return text
    made = _added(text, root, name)
    entry = yaml.safe_load(_entry(name, 0))[0]
    try:
        if yaml.safe_load(made) == {**(read or {}), "load_from": [*listed, entry]}:
            return made
    except yaml.YAMLError:
        pass
    raise CodeLocationError(_by_hand(name))


def _added(text: str, root: Any, name: str) -> str:
    """The text with the entry behind the last one of the list, in its indentation."""
    found = [(key, value) for key, value in getattr(root, "value", []) if key.value == "load_from"]
    whole = text if not text or text.endswith("\n") else f"{text}\n"
    if not found:
        return f"{whole}load_from:\n{_entry(name, INDENT)}"
    (key, listed), *_ = found
    if not isinstance(listed, yaml.SequenceNode) or not listed.value:
        begin, rest = text.index(":", key.end_mark.index) + 1, text[listed.end_mark.index :].lstrip(" ")
        return f"{text[:begin]}\n{_entry(name, INDENT)}{rest.removeprefix(chr(10))}"
    last = len(text[: listed.value[-1].end_mark.index].rstrip())
    end = whole.index("\n", last) + 1
    return whole[:end] + _entry(name, listed.start_mark.column) + whole[end:]


def _module(entry: Any) -> str:
    module = entry.get("python_module") if isinstance(entry, dict) else None
    return str(module.get("module_name") if isinstance(module, dict) else module)


def _entry(name: str, indent: int) -> str:
    lines = ("- python_module:", f"    module_name: {name}.definitions", f"    location_name: {name}")
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def _by_hand(name: str) -> str:
    return (
        "workspace.yaml has no list that an entry can be added to: under load_from write '- python_module: "
        f"{{module_name: {name}.definitions, location_name: {name}}}', and try again."
    )

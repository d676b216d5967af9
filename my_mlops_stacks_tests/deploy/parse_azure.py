"""Run by a Python that has the Azure CLI: lets its parser read the calls on stdin, and carries none of them out.

In: a JSON list of calls, each a list of arguments. Out: the same of [call, error] for those that it refuses.
"""

import contextlib
import io
import json
import os
import sys
import tempfile


class Parsed(BaseException):
    """Ends a call once its arguments are read; no handler of the CLI takes it for an error."""


def refused(calls: list[list[str]]) -> list[tuple[list[str], str]]:
    from azure.cli.core import get_default_cli
    from azure.cli.core.parser import AzCliCommandParser

    read = AzCliCommandParser.parse_args

    def only_read(parser: object, *arguments: object, **named: object) -> None:
        read(parser, *arguments, **named)
        raise Parsed

    AzCliCommandParser.parse_args = only_read
    cli, found, said = get_default_cli(), [], io.StringIO()
    with contextlib.redirect_stderr(said):  # once: the CLI's log goes on to the stream of its first call
        for call in calls:
            before = len(said.getvalue())
            try:
                cli.invoke(call)
            except Parsed:
                continue
            except SystemExit:
                found.append((call, said.getvalue()[before:]))
    return found


if __name__ == "__main__":
    os.environ |= {"AZURE_CONFIG_DIR": tempfile.mkdtemp(), "AZURE_CORE_COLLECT_TELEMETRY": "no"}
    sys.stdout.write(json.dumps(refused(json.load(sys.stdin))))

"""The commands of a project: `python -m my_mlops_stacks` runs its pipeline, and with `--help` lists the others."""

from __future__ import annotations

import gc
import importlib
import sys
from traceback import walk_tb

import click

from mlops_core.cli.saying import say
from mlops_core.project.columns import DeclarationError

GC_THRESHOLDS = (5_000_000, 50, 50)
"""Imported modules and events are never garbage: collecting among them takes a sixth of a run."""

COMMANDS = (
    *("run", "dev", "serve", "doctor", "explain", "query", "demo-drift", "demo-arrival", "smoke", "integration"),
    *("challenger", "promote"),
)


class Commands(click.Group):
    """Lazily imported commands: each needs other libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"mlops_core.cli.{cmd_name.replace('-', '_')}").main
        return command


def main(package: str) -> None:
    """Run a command of the project that `package` declares, `run` unless one is named; ends the process."""
    gc.set_threshold(*GC_THRESHOLDS)  # before anything is imported: half of the objects are modules

    @click.group(cls=Commands, invoke_without_command=True)
    @click.pass_context
    def commands(ctx: click.Context) -> None:
        ctx.obj = importlib.import_module(f"{package}.project").PROJECT
        if ctx.invoked_subcommand is None and (run := commands.get_command(ctx, "run")):
            ctx.invoke(run)

    commands.help = f"Commands of {package}; without one, its whole pipeline runs once on this machine."
    try:
        commands(prog_name=f"python -m {package}")
    except DeclarationError as error:
        say(f"{_place_of(error, package)}{error}", fg="red", err=True)
        sys.exit(1)
    finally:
        gc.freeze()  # else the interpreter collects once more at exit


def _place_of(error: DeclarationError, package: str) -> str:
    """File and line of the project where the contradiction was declared, if it was found there."""
    calls = walk_tb(error.__traceback__)
    of_project = [each for each in calls if str(each[0].f_globals.get("__name__")).startswith(f"{package}.")]
    return f"{of_project[-1][0].f_code.co_filename}, line {of_project[-1][1]}: " if of_project else ""

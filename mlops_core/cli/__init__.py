"""The commands of a project: `python -m my_mlops_stacks` runs its pipeline, and with `--help` lists the others."""

from __future__ import annotations

import gc
import importlib

import click

GC_THRESHOLDS = (5_000_000, 50, 50)
"""Imported modules and events are never garbage: collecting among them takes a sixth of a run."""

COMMANDS = ("run", "dev", "doctor", "explain", "query", "demo-drift", "smoke", "integration")


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
    finally:
        gc.freeze()  # else the interpreter collects once more at exit

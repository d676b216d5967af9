"""Python runs this at the start of every process of a task, before anything of the task: it sets the runtime up."""

from emulated import startup

startup.begin()

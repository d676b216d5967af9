"""`python -m mlops_core.cli.new NAME`: a project of one's own, from a table of one's own, in a minute.

- `command`: the arguments; `ask`, `questions`, `shown`: how people decide, and what they read before it is written
- `names`: what a project may be called; `rows`: a sample of the rows
- `proposals`: what the rows make of it, a module a decision
- `toys`: rows where there are none; `mlops_stacks`: what a project of MLOps Stacks says
- `answers`: the whole of a project as plain values; `render`, `own_repository`: its files
"""

"""`python -m mlops_core.cli.new NAME`: a project of one's own, from a table of one's own, in a minute.

- `command`: the arguments; `ask`, `questions`, `shown`: how people decide, and what they read before it is written
- `rows`, `profile`: a sample of the rows, and what it tells of each column
- `found`: one decision after the other, from `roles` (times, label), `labels`, `days`, `leaks`, `identity`, `entities`,
  `inputs`; `quick_model` and `recent` measure what columns and recent labels are worth
- `proposals`: the `answers`, with `value_rules`, `segments` (slices), `limits` (thresholds) and `draws` (sample rows);
  `declared` makes the declarations of them, so that a contradiction is told in time
- `toys`: answers where there are no rows; `mlops_stacks`: what a project of MLOps Stacks says
- `names`, `render`, `own_repository`: what a project may be called, and its files
"""

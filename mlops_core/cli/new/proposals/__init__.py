"""What sampled rows make of a project, each decision with its reason.

- `profile`: what the rows tell of each column; `formats`: how CSV writes it
- `found`: one decision after the other, from `roles` (times, label), `labels`, `days`, `leaks`, `identity`, `entities`,
  `inputs`; `quick_model` and `recent` measure what columns and recent labels are worth
- `to_answers`: the answers, with `value_rules`, `segments` (slices), `limits` (thresholds) and `draws` (sample rows);
  `declared` makes the declarations of them, so that a contradiction is told in time
"""

"""Preflight checks of a target, one aspect each.

A check yields findings, each a sentence, with the fix for what is wrong. Checks are read-only, except the two of
`--write-test`. `mlops_core.cli.doctor` chooses the checks of a target and prints the findings.
"""

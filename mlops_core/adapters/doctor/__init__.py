"""What a target needs before a run starts, looked at one thing at a time.

A check says what it found, and for what is not as it should be the fix, in one sentence each. It reads only, but for
the two of `--write-test`. `mlops_core.cli.doctor` chooses the checks of a target and prints what they say.
"""

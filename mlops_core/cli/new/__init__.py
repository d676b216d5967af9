"""`python -m mlops_core.cli.new NAME`: a project of one's own, from a table of one's own, in a minute."""

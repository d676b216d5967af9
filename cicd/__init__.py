"""Sets up the pipelines of a project of this repository, and the project itself where it does not exist yet.

Needs nothing but the standard library, PyYAML and Jinja, so that a repository that has cicd.tar.gz alone can unpack it.
"""

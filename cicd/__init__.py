"""Sets up the pipelines of a project of this repository, and the project itself when it does not exist yet.

Needs nothing but the standard library and PyYAML, so that another repository can unpack it (`make cicd.tar.gz`).
"""

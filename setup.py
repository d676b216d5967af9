"""The packages of the distribution: the machinery, where it is here, and each project, a folder with databricks.yml."""

from pathlib import Path

from setuptools import find_namespace_packages, setup

ROOT = Path(__file__).resolve().parent
PROJECTS = sorted(bundle.parent.name for bundle in ROOT.glob("*/databricks.yml"))
CODE = [pattern for name in ("mlops_core", *PROJECTS) for pattern in (name, f"{name}.*")]

setup(packages=find_namespace_packages(str(ROOT), include=CODE, exclude=["*.notebooks"]))

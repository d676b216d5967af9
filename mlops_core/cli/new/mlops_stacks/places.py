"""Files of an MLOps Stacks project that a person moves, and the place of each in a new project."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.mlops_stacks import source_code, syntax
from mlops_core.cli.new.mlops_stacks.imported import Imported

FEATURES = "feature_engineering/features/*.py"
OUR_CHANGES = "what you changed in it; the rest is part of the machinery"
PLACES = (
    (FEATURES, "", "feature_engineering/features/<column>_features.py: windows, or a function of your own"),
    ("feature_engineering/notebooks/*", OUR_CHANGES, "feature_engineering/features/"),
    ("training/notebooks/*", "", "training/train.py: fit and Hyperparameters"),
    ("training/steps/ingest.py", "how rows are loaded", "ingestion/<events>.py"),
    ("training/steps/split.py", "how rows are cleaned", "ingestion/<events>.py: rules; the newest days are held out"),
    ("training/steps/transform.py", "the transformer", "training/train.py: inputs and fit"),
    ("training/steps/train.py", "the estimator", "training/train.py: fit"),
    ("training/steps/custom_metrics.py", "the metrics", "validation/validation.py: custom_metrics"),
    ("validation/notebooks/*", OUR_CHANGES, "validation/validation.py"),
    ("deployment/batch_inference/*", OUR_CHANGES, "training/train.py: predict"),
    ("deployment/model_deployment/*", OUR_CHANGES, "databricks.yml: promotion"),
    ("monitoring/*", OUR_CHANGES, "monitoring/slices.py, resources/monitoring-workflow-resource.yml"),
    ("tests/*", "tests of what moves", "_tests/"),
    ("utils.py", OUR_CHANGES, "training/train.py"),
    ("requirements.txt", "packages that your own code needs", "requirements.txt"),
)
READ = (
    *("databricks.yml", "project_params.json", "pytest.ini", "validation/validation.py", "training/recipe.yaml"),
    *("training/profiles/*", "training/data/*", "resources/*.yml", "resources/*.yaml", "*.md", "*__init__.py"),
)
"""Files that are read, or of which nothing is left to move."""
CODE = (".py", ".ipynb")
PASSED_OVER = ("__pycache__", "venv", "node_modules", "mlruns", "build", "dist")
"""Folders of what is made or installed, as are those with a dot in front."""
NAMED = 6
"""So many files of a move are named; more are counted."""


def places(folder: Path, found: Imported) -> None:
    """Each file that is neither read nor needless, with its place, and what features and notebooks say literally."""
    columns: list[str] = []
    moves: dict[tuple[str, str], list[str]] = {}
    for file in _files(folder):
        what, here = _place(file)
        tree = _parsed(folder, file, found) if file.endswith(CODE) and not here.startswith("_") else ast.Module([], [])
        if trained := source_code.labels(tree):
            found.answers["label"] = trained[0]
        columns += [key for each in source_code.look_ups(tree) for key in each.keys]
        moves.setdefault((what or _contents(tree), here), []).append(file)
        for secret in source_code.secrets(tree):
            found.move(f"the secret {secret}", file, "databricks.yml: secrets")
    for (what, here), files in moves.items():
        more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
        found.move(what, ", ".join(files[:NAMED]) + more, here)
    found.entities = tuple(dict.fromkeys(columns))


def _files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        file = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") or part in PASSED_OVER for part in PurePosixPath(file).parts)
        if path.is_file() and not hidden and not any(fnmatch(file, pattern) for pattern in READ):
            yield file


def _place(file: str) -> tuple[str, str]:
    """What it is, empty where its contents say so, and its place; a file that no template has keeps its folder."""
    own = ("what is your own", f"{PurePosixPath(file).parent}/".removeprefix("./"))
    return next(((what, here) for pattern, what, here in PLACES if fnmatch(file, pattern)), own)


def _parsed(folder: Path, file: str, found: Imported) -> ast.Module:
    try:
        return syntax.parsed(folder / file)
    except NewProjectError as error:
        found.warn(f"{str(error).removeprefix(f'{folder}/').rpartition(':')[0]}, so nothing in it was read.")
        return ast.Module([], [])


def _contents(tree: ast.Module) -> str:
    """What there is to move of a feature module, a notebook or a test."""
    lengths, made = source_code.windows(tree), source_code.aggregates(tree)
    if lengths or made:
        return f"windows of {', '.join(lengths) or 'no fixed length'}: {', '.join(made)}"
    taken = [f"{', '.join(each.features)} by {', '.join(each.keys)}" for each in source_code.look_ups(tree)]
    given = [f"{name}={value}" for name, value in source_code.hyperparameters(tree).items()]
    told = [f"looked up: {'; '.join(taken)}"] * bool(taken) + [f"hyperparameters: {', '.join(given)}"] * bool(given)
    return "; ".join(["what it computes", *told])

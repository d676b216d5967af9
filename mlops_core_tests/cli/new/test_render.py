"""A project comes out whole, in the project's own style, or not at all; a later template meets what people edited."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from mlops_core.cli.new import render as rendering
from mlops_core.cli.new.answers import Answers
from mlops_core.cli.new.render import RenderError, render
from mlops_core_tests.cli.new.parcels import parcels

ROOT = Path(__file__).resolve().parents[3]
TAXIS = re.compile(r"(?<![a-z])(trips?|fares?|taxis?|zips?|pick-?ups?|drop-?offs?|my_mlops_stacks)(?![a-z])", re.I)
ANSWERS = "churn/.copier-answers.yml"
MOST_FILES, MOST_LINES = 25, 900
"""Beside YAML."""


def git(folder: Path, *arguments: str) -> str:
    call = ["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid", *arguments]
    return subprocess.run(call, cwd=folder, check=True, capture_output=True, text=True).stdout


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def repository_at(folder: Path) -> Path:
    """A repository with this one's template and style, and no project."""
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "template", folder / "template")
    for name in ("copier.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / "mlops_core").symlink_to(ROOT / "mlops_core")  # ruff tells our own imports from others by the files
    (folder / "workspace.yaml").write_text("load_from:\n")
    git(folder, "init", "--quiet")
    commit(folder, "A template")
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return repository_at(tmp_path / "repository")


def update(folder: Path) -> str:
    """What `make update-project` calls."""
    call = [sys.executable, "-m", "copier", "update", "--answers-file", ANSWERS, "--vcs-ref", "HEAD", "--defaults"]
    return subprocess.run(call, cwd=folder, check=True, capture_output=True, text=True).stderr


def everything(folder: Path) -> set[Path]:
    """All files but those of git and of this machine's state."""
    return {path for path in folder.rglob("*") if not {".git", ".local"} & set(path.parts)}


ODD = {
    "title": 'Who leaves: Jané\'s "best" customers & others',
    "columns": (
        *parcels().columns[:5],
        *(
            {
                "name": f"n{i}",
                "type": "double",
                "csv_format": "decimal_comma",
                "meaning": f"A number that is said at {'great ' * 12}length",
            }
            for i in range(30)
        ),
        parcels().columns[5],
    ),
    "inputs": ("depot", "distance", *(f"n{i}" for i in range(30))),
}
LONG = {
    "columns": (
        *parcels().columns[:-1],
        {
            "name": "late",
            "type": "int",
            "meaning": "1 when it took long",
            "computed_by": f"CAST(distance > 10 {'AND distance < 1000 ' * 12}AS INT)",
        },
        {"name": "service", "type": "string", "meaning": "Which service"},
    ),
    "sample": {
        "label": "distance",
        "draws": (
            {"name": "parcel_id", "kind": "id"},
            {"name": "depot", "kind": "key", "count": 12, "nulls": 0.03},
            {"name": "service", "kind": "value", "shares": {f"the service {i}": 0.1 for i in range(10)}, "nulls": 0.1},
        ),
        "label_quantiles": tuple(12.25 * step for step in range(16)),
        "hours_to_label": tuple(1234.25 * step for step in range(1, 16)),
    },
}
NUMBERED = {
    "classes": ("1", "2", "10"),
    "columns": (*parcels().columns[:-1], {"name": "band", "type": "int", "meaning": "How long it took, as a number"}),
}
NOTHING = {"rules": (), "entities": (), "slices": (), "computed_inputs": (), "encoded": (), "not_watched": ()}
VARIANTS = {
    "regression": parcels("regression"),
    "binary": parcels(),
    "multiclass": parcels("multiclass"),
    "odd": parcels(**ODD),
    "long": parcels(**LONG),
    "numbered": parcels("multiclass", **NUMBERED),
    "little": parcels(**NOTHING, inputs=("distance",)),
    "keys": parcels(keys_only=("depot",), encoded=()),
    "after": parcels(project="zoo"),  # its imports stand behind those of the machinery
}


@pytest.mark.parametrize("answers", VARIANTS.values(), ids=VARIANTS)
def test_what_comes_out_is_in_the_projects_own_style(repository: Path, answers: Answers) -> None:
    theirs = [str(file) for file in render(answers, repository) if file.suffix == ".py"]
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *theirs],
            cwd=repository,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


SQL = (
    "band = 'a-very-long-name-that-is-hyphenated' OR band = 'cancelled-by-the-customer' OR band = 'two  blanks, \"x\"'"
)


@pytest.mark.parametrize("sql", [SQL, f"{SQL} OR distance > 1000 AND depot LIKE 'no-show %'"])
def test_sql_is_what_was_given_however_long(repository: Path, sql: str) -> None:
    label = {"name": "late", "type": "int", "meaning": "Late", "computed_by": sql}
    render(parcels(columns=(*parcels().columns[:5], label)), repository)
    tree = ast.parse((repository / "churn" / "ingestion" / "parcels.py").read_text())
    said = [each.value for each in ast.walk(tree) if isinstance(each, ast.keyword) and each.arg == "computed_by"]
    assert [ast.literal_eval(value) for value in said] == [sql]


@pytest.mark.parametrize("source", ['rows/a "b" \\t.parquet', "rows/é's.csv"])
def test_a_path_is_what_was_given(repository: Path, source: str) -> None:
    render(parcels(source=source), repository)
    local = yaml.safe_load((repository / "churn" / "databricks.yml").read_text())["targets"]["local"]
    assert local["variables"]["parcels_table"] == source


def test_it_is_short_and_holds_no_word_of_the_example(repository: Path) -> None:
    files = [repository / file for file in render(parcels(), repository)]
    said = [line for file in files for line in file.read_text().splitlines() if TAXIS.search(line)]
    assert said == []
    plain = [file for file in files if file.suffix != ".yml"]
    assert len(plain) <= MOST_FILES
    assert sum(len(file.read_text().splitlines()) for file in plain) <= MOST_LINES


def test_its_code_location_is_in_the_workspace_once(repository: Path) -> None:
    render(parcels(), repository)
    locations = yaml.safe_load((repository / "workspace.yaml").read_text())["load_from"]
    assert [each["python_module"]["module_name"] for each in locations] == ["churn.definitions"]


def test_the_answers_are_kept_with_the_commit_of_the_template_and_no_path_of_this_machine(repository: Path) -> None:
    render(parcels(), repository)
    kept = yaml.safe_load((repository / ANSWERS).read_text())
    assert git(repository, "rev-parse", kept.pop("_commit")) == git(repository, "rev-parse", "HEAD")
    assert kept.pop("_src_path") == "."
    assert Answers(**kept) == parcels()


@pytest.mark.parametrize(("rows_a_day", "expected"), [(1, 1), (100, 25), (5_000, 50)])
def test_drift_is_measured_of_a_quarter_of_a_days_rows(repository: Path, rows_a_day: int, expected: int) -> None:
    render(parcels(rows_a_day=rows_a_day), repository)
    said = (repository / "churn" / "resources" / "monitoring-workflow-resource.yml").read_text()
    assert f"minimum_count: {expected}\n" in said


def test_a_project_that_is_there_stays_as_it_is(repository: Path) -> None:
    render(parcels(), repository)
    (repository / "churn" / "project.py").write_text("edited")
    before = everything(repository)
    with pytest.raises(RenderError, match=r"is there already: choose another name"):
        render(parcels(), repository)
    assert everything(repository) == before
    assert (repository / "churn" / "project.py").read_text() == "edited"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_without_the_right_to_write_nothing_is_written(repository: Path) -> None:
    before = everything(repository)
    repository.chmod(0o500)
    try:
        with pytest.raises(RenderError, match="can't be written, so nothing was"):
            render(parcels(), repository)
    finally:
        repository.chmod(0o700)
    assert everything(repository) == before


def test_what_was_written_before_a_failure_goes_again(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, copied = everything(repository), shutil.copy

    def full_after_ten(source: Path, target: Path) -> None:
        if len(everything(repository)) > len(before) + 10:
            raise OSError(28, "No space left on device", str(target))
        copied(source, target)

    monkeypatch.setattr(shutil, "copy", full_after_ten)
    with pytest.raises(RenderError, match="No space left on device"):
        render(parcels(), repository)
    assert everything(repository) == before


def test_what_was_written_before_ctrl_c_goes_again(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, copied = everything(repository), shutil.copy

    def interrupted_after_ten(source: Path, target: Path) -> None:
        if len(everything(repository)) > len(before) + 10:
            raise KeyboardInterrupt
        copied(source, target)

    monkeypatch.setattr(shutil, "copy", interrupted_after_ten)
    with pytest.raises(KeyboardInterrupt):
        render(parcels(), repository)
    assert everything(repository) == before


MAKE = "import sys; from pathlib import Path; from mlops_core.cli.new.render import render; "
MAKE += "from mlops_core_tests.cli.new.parcels import parcels; render(parcels(project=sys.argv[1]), Path(sys.argv[2]))"


@pytest.mark.slow
def test_projects_that_are_made_at_once_all_land_and_of_one_name_one(repository: Path) -> None:
    names = ["churn", "churn", "late", "lost", "zoo"]
    calls = [[sys.executable, "-c", MAKE, name, str(repository)] for name in names]
    made = [subprocess.Popen(call, cwd=ROOT, stderr=subprocess.PIPE, text=True) for call in calls]
    said = [process.communicate()[1] for process in made]
    assert sorted(process.returncode for process in made) == [0, 0, 0, 0, 1], said
    assert "is there already" in "".join(said)
    locations = yaml.safe_load((repository / "workspace.yaml").read_text())["load_from"]
    assert sorted(each["python_module"]["location_name"] for each in locations) == ["churn", "late", "lost", "zoo"]
    for name in set(names):
        assert len(list((repository / name).rglob("*.py"))) > 10


def test_a_project_that_another_is_made_beside_for_too_long_says_so(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "PATIENCE_S", 0.1)
    before = everything(repository)
    (repository / rendering.LOCK).parent.mkdir()
    with FileLock(repository / rendering.LOCK), pytest.raises(RenderError, match="Another project is being made in"):
        render(parcels(), repository)
    assert everything(repository) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["My Projects/Jané's app", "a#b%20c"])
def test_the_repository_may_lie_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    folder = repository_at(tmp_path / name)
    render(parcels(), folder)
    commit(folder, "A project")
    template = folder / "template" / "[[ project ]]" / "__init__.py.jinja"
    template.write_text(template.read_text() + "# of a later template\n")
    commit(folder, "A later template")
    update(folder)
    assert "later template" in (folder / "churn" / "__init__.py").read_text()


def test_a_source_archive_without_git_gives_the_same_files(repository: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    shutil.copytree(repository, archive, ignore=shutil.ignore_patterns(".git"))
    of_git, of_archive = (render(parcels(), folder) for folder in (repository, archive))
    assert of_git == of_archive
    differ = [file for file in of_git if (repository / file).read_bytes() != (archive / file).read_bytes()]
    assert [str(file) for file in differ] == [ANSWERS]


class TestALaterTemplate:
    """The team edited the project; the template changed meanwhile."""

    @pytest.fixture
    def edited(self, repository: Path) -> Path:
        render(parcels(), repository)
        commit(repository, "A project")
        self.replace(repository / "churn" / "project.py", '"Which parcels arrive late."', '"Late parcels."')
        (repository / "churn" / "own.py").write_text('"""Theirs."""\n')
        (repository / "churn" / "feature_engineering" / "notebooks" / "FeatureEngineering.py").unlink()
        commit(repository, "Edits")
        return repository

    @staticmethod
    def replace(file: Path, old: str, new: str) -> None:
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def test_its_changes_come_and_edits_stay(self, edited: Path) -> None:
        template = edited / "template" / "[[ project ]]"
        self.replace(template / "training" / "train.py.jinja", "Field(100, gt=0", "Field(150, gt=0")
        (template / "monitoring" / "more.py.jinja").write_text('"""Of [[ project ]]."""\n')
        commit(edited, "A later template")
        update(edited)
        assert "Field(150, gt=0" in (edited / "churn" / "training" / "train.py").read_text()
        assert (edited / "churn" / "monitoring" / "more.py").read_text() == '"""Of churn."""\n'
        assert '"Late parcels."' in (edited / "churn" / "project.py").read_text()
        assert (edited / "churn" / "own.py").exists()
        assert not (edited / "churn" / "feature_engineering" / "notebooks" / "FeatureEngineering.py").exists()
        changed = {line[3:] for line in git(edited, "status", "--porcelain").splitlines()}
        assert changed == {ANSWERS, "churn/training/train.py", "churn/monitoring/more.py"}
        assert yaml.safe_load((edited / ANSWERS).read_text())["_src_path"] == "."

    def test_the_same_line_changed_by_both_is_a_conflict_that_git_shows(self, edited: Path) -> None:
        template = edited / "template" / "[[ project ]]" / "project.py.jinja"
        self.replace(template, '[[ text(title ~ ".") ]]', '[[ text(title ~ "!") ]]')
        commit(edited, "A later template")
        update(edited)
        text = (edited / "churn" / "project.py").read_text()
        assert re.search(r'<<<<<<<.*"Late parcels\.".*=======.*"Which parcels arrive late!".*>>>>>>>', text, re.S)
        assert "UU churn/project.py" in git(edited, "status", "--porcelain")


def test_the_template_asks_for_every_answer_and_for_nothing_else() -> None:
    asked = [name for name in yaml.safe_load((ROOT / "copier.yml").read_text()) if not name.startswith("_")]
    assert asked == list(Answers.model_fields)

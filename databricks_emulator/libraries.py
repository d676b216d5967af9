"""Libraries of a task: whether they could be installed, and what the task may import then.

Nothing is installed. A requirement is fulfilled when this machine has the version that it names; what no requirement
(nor the runtime) brings, directly or through others, is hidden from the task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

PARTS_OF_THE_RUNTIME = {"pyspark"}
SHARED_PACKAGES = {"databricks", "google"}  # several distributions install into them


class LibraryError(Exception):
    """A library could not be installed; the message is what the run shows."""


@dataclass(frozen=True)
class Installation:
    """What a task asks for beyond the packages of the runtime."""

    requirements: tuple[Requirement, ...] = ()
    wheels: tuple[str, ...] = ()

    @property
    def names(self) -> set[str]:
        """The canonical names of the requirements."""
        return {canonicalize_name(requirement.name) for requirement in self.requirements}


def requested(
    libraries: Iterable[Mapping[str, Any]], dependencies: Iterable[str], read: Callable[[str], str]
) -> Installation:
    """The requirements of a task's `libraries` and of its environment's `dependencies`; `read` opens a workspace path.

    Raises:
        LibraryError: a file is missing or a requirement is malformed.
    """
    lines, wheels = [], []
    for library in libraries:
        lines += [library["pypi"]["package"]] if "pypi" in library else []
        lines += [f"-r {library['requirements']}"] if "requirements" in library else []
        wheels += [library["whl"]] if "whl" in library else []
    for line in dependencies:
        (wheels if line.endswith(".whl") else lines).append(line)
    return Installation(tuple(_parsed(lines, read)), tuple(wheels))


def _parsed(lines: Iterable[str], read: Callable[[str], str]) -> Iterable[Requirement]:
    for line in (raw.split(" #")[0].strip() for raw in lines):
        if line.startswith("-r "):
            try:
                yield from _parsed(read(line.removeprefix("-r ").strip()).splitlines(), read)
            except FileNotFoundError as error:
                raise LibraryError(f"Could not open requirements file: {line.removeprefix('-r ')}") from error
        elif line and not line.startswith(("#", "-")):
            try:
                yield Requirement(line)
            except InvalidRequirement as error:
                raise LibraryError(f"Invalid requirement: {line!r}: {error}") from error


def check(installation: Installation, versions: Mapping[str, str], stand_ins: Iterable[str] = ()) -> None:
    """Fail as pip would when a version can't be had; `versions` are pretended by the runtime, `stand_ins` any version.

    Raises:
        LibraryError: a distribution is missing here, or of another version.
    """
    for requirement in installation.requirements:
        if requirement.marker and not requirement.marker.evaluate():
            continue
        if canonicalize_name(requirement.name) in stand_ins:
            continue
        here = versions.get(canonicalize_name(requirement.name)) or version_here(requirement.name)
        if here is None or not requirement.specifier.contains(here, prereleases=True):
            have = f" (from versions: {here})" if here else " (from versions: none)"
            message = f"ERROR: Could not find a version that satisfies the requirement {requirement}{have}"
            raise LibraryError(f"{message}\nERROR: No matching distribution found for {requirement}")


@cache
def version_here(name: str) -> str | None:
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None


def hidden(installation: Installation, packages: Iterable[str], withheld: Iterable[str]) -> tuple[list[str], list[str]]:
    """The modules and the distributions of this machine that the task's environment would not have.

    `packages` come with the runtime; `withheld` ones are there only when the task asks for them by name.
    """
    unasked = set(withheld) - installation.names
    present = closure([*map(Requirement, packages), *installation.requirements]) - unasked
    absent = {name: found for name, found in _here().items() if name not in present}
    kept = {module for name in present for module in _here()[name].modules}
    modules = {module for found in absent.values() for module in found.modules} - kept
    return sorted(modules), sorted(absent)


def replaced(installation: Installation) -> tuple[str, ...]:
    """What of the runtime itself an installation would put another version over."""
    return tuple(sorted(closure(installation.requirements) & PARTS_OF_THE_RUNTIME))


def closure(requirements: Iterable[Requirement]) -> set[str]:
    """The canonical names of what the requirements bring, directly or through others, of what is installed here."""
    found: set[tuple[str, str]] = set()
    todo = [(requirement, "") for requirement in requirements]
    while todo:
        requirement, extra = todo.pop()
        name = canonicalize_name(requirement.name)
        if name not in _here() or (requirement.marker and not requirement.marker.evaluate({"extra": extra})):
            continue
        for wanted in {"", *requirement.extras} - {known for other, known in found if other == name}:
            found.add((name, wanted))
            todo += [(_requirement(line), wanted) for line in _here()[name].requires]
    return {name for name, _ in found}


_requirement = cache(Requirement)


@dataclass(frozen=True)
class Present:
    """A distribution of this machine: what its metadata says of it, read as text because parsing takes seconds."""

    requires: tuple[str, ...]
    modules: frozenset[str]


@cache
def _here() -> dict[str, Present]:
    return {canonicalize_name(name): Present(requires, _modules(found)) for found, name, requires in _described()}


def _described() -> Iterable[tuple[Distribution, str, tuple[str, ...]]]:
    for found in distributions():
        lines = (found.read_text("METADATA") or found.read_text("PKG-INFO") or "").partition("\n\n")[0].splitlines()
        names = [line.removeprefix("Name: ") for line in lines if line.startswith("Name: ")]
        requires = (line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: "))
        if names:
            yield found, names[0], tuple(requires)


def _modules(found: Distribution) -> frozenset[str]:
    """The names under which a distribution is imported; of shared packages, the part that is its own."""
    files = (line.partition(",")[0] for line in (found.read_text("RECORD") or "").splitlines())
    parts = (file.split("/") for file in files if file.endswith((".py", ".so")) and not file.startswith(".."))
    return frozenset(
        ".".join(part[:2]) if part[0] in SHARED_PACKAGES else part[0].partition(".")[0]
        for part in parts
        if part[0] not in SHARED_PACKAGES or len(part) > 2
    )

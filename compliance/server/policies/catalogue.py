"""The policies there are: those of a folder, and those that come with us."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from msgspec import Struct

from compliance.server.policies.reading import Loaded, Problem, read

BUILTIN = Path(__file__).parent / "builtin"
ENDINGS = (".yaml", ".yml")


class Catalogue(Struct, frozen=True):
    """Policies in the order of their files, and what is wrong with those that are not among them."""

    loaded: tuple[Loaded, ...]
    problems: tuple[Problem, ...]


@cache
def builtin() -> Catalogue:
    return read_folder(BUILTIN)


def read_folder(folder: Path) -> Catalogue:
    """Every YAML file in it and below, hidden ones left out. A folder that is not there is a problem of its own."""
    if not folder.is_dir():
        return Catalogue((), (Problem(str(folder), 1, "there is no such folder"),))
    paths = sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS and path.is_file())
    visible = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return read_files(visible)


def read_files(paths: Iterable[Path]) -> Catalogue:
    loaded: list[Loaded] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            found, wrong = read(path.read_text(encoding="utf-8"), str(path))
        except OSError as error:
            found, wrong = [], [Problem(str(path), 1, f"it cannot be read ({error.strerror})")]
        except UnicodeDecodeError:
            found, wrong = [], [Problem(str(path), 1, "it is not UTF-8 text")]
        loaded += found
        problems += wrong
    kept, twice = unique(loaded)
    return Catalogue(tuple(kept), tuple(sorted([*problems, *twice])))


def unique(loaded: Iterable[Loaded]) -> tuple[list[Loaded], list[Problem]]:
    """An id is one policy's: the second one is refused."""
    first: dict[str, Loaded] = {}
    problems: list[Problem] = []
    for one in loaded:
        other = first.setdefault(one.policy.id, one)
        if other is not one:
            message = f"the id `{one.policy.id}` is taken: {other.file}:{other.line} has it"
            problems.append(Problem(one.file, one.line, message))
    return list(first.values()), problems

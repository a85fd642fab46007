"""One library, one room: which modules may import what was written by others. The layers are import-linter's part."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "compliance"

ROWS = tuple(
    f"compliance.server.{room}"
    for room in ("storage", "queries", "ingest", "enrollment", "judging", "alerts", "evidence", "audit")
)
EDGES = ("agent.transport", "report", "server.alerts", "ops.health", "up")

# Who may import it; a room is a module and everything below it.
ROOMS: dict[str, tuple[str, ...]] = {
    "psutil": ("compliance.agent.collectors",),
    "httpx": tuple(f"compliance.{edge}" for edge in EDGES),
    "litestar": ("compliance.server.routes", "compliance.server.app", "compliance.server.cli"),
    "uvicorn": ("compliance.server", "compliance.up"),
    "boto3": ("compliance.ops.aws",),
    "botocore": ("compliance.ops.aws",),
    "yaml": ("compliance.ops.template", "compliance.server.policies"),
    "piccolo": ROWS,
    "pymysql": ROWS,
    "sqlite3": (*ROWS, "compliance.agent.spool", "compliance.agent.spoolfile"),
    "typer": (
        "compliance.cli",
        "compliance.up",
        *(f"compliance.{g}.cli" for g in ("agent", "server", "ops", "report")),
        "compliance.server.options",
        "compliance.server.policy_commands",
    ),
}

# What a room may import from outside the standard library and this package: nothing but this.
ONLY: dict[str, set[str]] = {
    "compliance.wire": {"msgspec"},
    "compliance.console": {"rich", "msgspec"},
    "compliance.errors": set(),
    "compliance.server.policies": {"msgspec", "yaml"},
    "compliance.agent": {"msgspec", "psutil", "httpx", "typer", "rich"},
}


def modules(package: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported(path: Path) -> set[str]:
    """The top names of what a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def stands_in(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(room + ".") for room in rooms)


def strangers(package: Path) -> list[str]:
    found = []
    for module, path in modules(package):
        names = imported(path)
        found += [
            f"{module} imports {name}" for name in sorted(names & set(ROOMS)) if not stands_in(module, ROOMS[name])
        ]
        outside = names - set(sys.stdlib_module_names) - {"compliance"}
        for room, allowed in ONLY.items():
            if stands_in(module, (room,)):
                found += [f"{module} imports {name}" for name in sorted(outside - allowed - set(ROOMS))]
    return found


def test_every_library_stays_in_its_room():
    assert strangers(PACKAGE) == []


@pytest.mark.parametrize(
    ("module", "line", "complaint"),
    [
        ("server/routes/reports.py", "import psutil", "compliance.server.routes.reports imports psutil"),
        ("server/queries/host.py", "from litestar import get", "compliance.server.queries.host imports litestar"),
        ("agent/loop.py", "def f():\n    import sqlite3.dbapi2", "compliance.agent.loop imports sqlite3"),
        ("wire/codec.py", "import zstandard", "compliance.wire.codec imports zstandard"),
        ("report/cli.py", "from botocore.config import Config", "compliance.report.cli imports botocore"),
        ("agent/loop.py", "import yaml", "compliance.agent.loop imports yaml"),
    ],
)
def test_a_library_in_another_room_is_found(tmp_path, module, line, complaint):
    path = tmp_path / "compliance" / module
    path.parent.mkdir(parents=True)
    path.write_text(line + "\n")
    assert strangers(tmp_path / "compliance") == [complaint]


def test_a_library_in_its_own_room_is_left_alone(tmp_path):
    path = tmp_path / "compliance" / "agent" / "collectors" / "cpu.py"
    path.parent.mkdir(parents=True)
    path.write_text("import msgspec\nimport psutil\nfrom compliance.wire import facts\n")
    assert strangers(tmp_path / "compliance") == []


def test_the_rooms_name_libraries_that_are_still_used_somewhere():
    used = set().union(*(imported(path) for _, path in modules(PACKAGE)))
    assert set(ROOMS) - used == set()

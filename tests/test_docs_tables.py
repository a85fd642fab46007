"""The diagram of the tables is that of the tables."""

import subprocess
import sys

from compliance.server.storage.tables import Host, HostContact, Process
from scripts import draw_tables


def test_the_diagram_of_the_tables_is_up_to_date():
    assert draw_tables.PAGE.read_text(encoding="utf-8") == draw_tables.page(), "run `python scripts/draw_tables.py`"


def test_every_table_is_drawn_with_its_whole_key_and_what_it_refers_to():
    page = draw_tables.page()
    assert {Host, HostContact, Process} <= set(draw_tables.all_tables())
    assert "    host ||--o{ process : host_id\n" in page
    assert "    account |o--o{ process : account_id\n" in page
    assert "    host ||--o| host_contact : host_id\n" in page
    drawn = page.partition("    process {\n")[2].partition("    }")[0]
    keys = [line.split()[1] for line in drawn.splitlines() if " PK" in line]
    assert keys == [name for name, (_, in_key) in draw_tables.made_columns()["process"].items() if in_key]
    assert len(keys) > 1


def test_a_page_that_is_not_up_to_date_is_found(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(draw_tables, "PAGE", tmp_path / "docs" / "tables.md")
    monkeypatch.setattr(sys, "argv", ["draw_tables.py", "--check"])
    assert draw_tables.main() == 1
    assert "run `python scripts/draw_tables.py`" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["draw_tables.py"])
    assert draw_tables.main() == 0
    monkeypatch.setattr(sys, "argv", ["draw_tables.py", "--check"])
    assert draw_tables.main() == 0


def test_the_script_runs_from_a_shell(repository):
    done = subprocess.run(
        [sys.executable, "scripts/draw_tables.py", "--check"],
        cwd=repository,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(repository)},
    )
    assert (done.returncode, done.stderr) == (0, "")

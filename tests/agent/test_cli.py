"""`compliance agent ...` as a person types it: output, exit codes, and not a secret anywhere."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from compliance.agent.cli import kinds_of
from compliance.agent.collectors import COLLECTORS
from compliance.agent.identity import read
from compliance.agent.spool import Spool
from compliance.errors import WrongUsage
from compliance.server.storage.clock import OPEN
from compliance.server.storage.engine import Store
from compliance.wire.codec import encode
from compliance.wire.messages import Enrolled, Receipt
from tests.agent.canned import Answer, Canned, problem
from tests.agent.conftest import Served, Shown

Call = Callable[..., Shown]


@pytest.fixture
def enrolled(call: Call, served: Served) -> Served:
    assert call("enroll", "--server", served.url, "--key", served.enroll_key)[0] == 0
    return served


def open_pids(store: Store) -> set[int]:
    with store.session() as db:
        return {pid for (pid,) in db.query("SELECT pid FROM process WHERE ended_at = ?", [OPEN])}


def accepted_pids(state: Path) -> set[int]:
    with closing(Spool(state)) as spool:
        return {pid for pid, _ in spool.accepted()["processes"]}


def test_all_that_this_host_would_say_is_shown_and_nothing_is_kept(call: Call, state: Path):
    code, out, err = call("collect")
    assert code == 0
    for title in ("Host\n", "Operating system\n", "Addresses\n", "CPU\n", "Processes ("):
        assert title in out
    assert f"{os.getpid()}" in out
    assert "Error" not in err
    assert list(state.iterdir()) == []


def test_what_is_collected_can_be_read_by_a_program(call: Call):
    code, out, _ = call("collect", "processes", "-o", "json")
    assert code == 0
    mine = next(row for row in json.loads(out) if row["pid"] == os.getpid())
    assert mine["ppid"] == os.getppid()
    assert set(mine) == {"pid", "ticks", "ppid", "started_at", "user", "name", "exe", "arguments"}
    code, out, _ = call("collect", "processes", "-o", "csv")
    assert code == 0
    assert str(os.getpid()) in {row["pid"] for row in csv.DictReader(io.StringIO(out))}


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("so-name", ["os"]),
        ("so-version", ["os"]),
        ("ps", ["processes"]),
        ("users", ["sessions"]),
        ("cpu", ["cpu"]),
        *((kind, [kind]) for kind in COLLECTORS),
    ],
)
def test_every_name_of_the_brief_and_every_kind_can_be_collected(call: Call, name: str, kinds: list[str]):
    assert kinds_of([name]) == kinds
    code, out, _ = call("collect", name, "-o", "json")
    assert code == 0
    told = json.loads(out)
    if name == "so-name":
        assert told == [json.loads(call("collect", "os", "-o", "json")[1])[0]["name"]]
    assert told or name in ("users", "sessions", "so-version")


def test_kinds_come_in_their_own_order_and_once():
    assert kinds_of(["cpu", "so-version", "os", "so-name"]) == ["os", "cpu"]
    assert kinds_of([]) == kinds_of(None) == list(COLLECTORS)
    with pytest.raises(WrongUsage, match="There is nothing called 'disks' to look at: choose from host, os, addresses"):
        kinds_of(["ps", "disks"])


def test_several_kinds_are_an_object_and_no_csv(call: Call):
    assert list(json.loads(call("collect", "ps", "so-name", "-o", "json")[1])) == ["os", "processes"]
    code, out, err = call("collect", "ps", "os", "-o", "csv")
    assert (code, out) == (2, "")
    assert err == "Error: CSV holds one kind of row: name one, such as `collect processes -o csv`.\n"
    assert call("collect", "so-name", "so-version", "-o", "csv")[1].startswith("name,version,")


def test_a_secret_in_a_command_line_is_not_shown(call: Call):
    script = "import sys; print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, "--password", "hunter2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == b"up\n"
        out = call("collect", "ps", "-o", "json")[1]
        assert child.stdin
        child.stdin.close()
    (mine,) = (row for row in json.loads(out) if row["pid"] == child.pid)
    assert "hunter2" not in out
    assert mine["arguments"].endswith("--password [redacted]")


def test_enrolling_says_who_this_is_and_what_comes_next(call: Call, served: Served, state: Path, tmp_path: Path):
    (tmp_path / "enroll.key").write_text(served.enroll_key + "\n")
    told = [call("enroll", "--server", served.url, "--key-file", str(tmp_path / "enroll.key")) for _ in range(2)]
    identity = read(state)
    assert identity
    for code, out, err in told:
        assert (code, out) == (0, "")
        assert err.startswith(f"Enrolled at {served.url} as ")
        assert err.endswith(f" ({identity.id}). Next: compliance agent send --all\n")
        assert identity.token not in err
    code, _, err = call("enroll", "--key-file", str(tmp_path / "enroll.key"), "--anew")
    assert code == 0
    assert identity.id not in err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "No server is known: `compliance agent enroll --server URL --key-file FILE`"),
        (("--server", "https://x"), "Enrolling needs an enrollment key: --key-file FILE, `-` for standard input"),
        (("--server", "http://far.example", "--key", "k"), "http://far.example would carry secrets in the clear"),
        (("--server", "far.example", "--key", "k"), "What --server holds is no server's address"),
        (("--server", "https://x", "--key", "k k"), "What --key holds is no key"),
        (("--server", "https://x", "--key-file", "/nowhere"), "Cannot read the key from /nowhere"),
        (("--server", "https://x", "--key", "k", "--ca", "/nowhere"), "Cannot read /nowhere (No such file"),
    ],
)
@pytest.mark.parametrize("command", ["enroll", "send"])
def test_what_is_missing_or_wrong_is_told_before_anything_is_done(
    call: Call, state: Path, command: str, arguments: tuple[str, ...], complaint: str
):
    code, out, err = call(command, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {complaint}")
    assert {path.name for path in state.iterdir()} <= {"agent.lock"}


def test_a_wrong_key_is_refused_with_what_to_do_and_not_shown(call: Call, served: Served, state: Path):
    wrong = "cmk_" + "w" * 43
    code, _, err = call("enroll", "--server", served.url, "--key", wrong)
    assert code == 4
    assert err == "Error: This key is not known here: `compliance server keys create` makes one.\n"
    code, _, err = call("send", "ps", "--server", served.url, "--key", wrong)
    assert code == 4
    assert err.endswith("makes one. 1 report is kept on disk: the next `compliance agent send` begins there.\n")
    assert wrong not in err


def test_sending_shows_what_was_sent_its_size_and_the_receipt(call: Call, enrolled: Served, state: Path):
    code, out, err = call("send", "--all")
    assert code == 0
    title, head, row = out.splitlines()
    assert title == "Sent"
    assert head.split() == ["Report", "Taken", "On", "the", "wire", "Receipt", "Note"]
    assert "KB  applied" in row
    assert err.startswith("Looked at host, os, ")
    assert err.endswith(".\n")
    assert open_pids(enrolled.store) == accepted_pids(state)
    assert os.getpid() in open_pids(enrolled.store)


def test_a_second_report_is_small(call: Call, enrolled: Served):
    call("send", "ps", "host", "os", "addresses")
    sent = json.loads(call("send", "ps", "host", "os", "addresses", "-o", "json")[1])
    assert [one["outcome"] for one in sent] == ["applied"]
    assert sent[0]["size"] < 2_000


def test_sending_enrolls_first_where_it_has_a_server_and_a_key(
    call: Call, served: Served, state: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("URL_API", served.url)
    monkeypatch.setenv("TOKEN", served.enroll_key)
    code, out, _ = call("send", "ps", "users", "-o", "json")
    assert code == 0
    assert [one["outcome"] for one in json.loads(out)] == ["applied"]
    monkeypatch.delenv("URL_API")
    monkeypatch.delenv("TOKEN")
    assert call("send", "so-name")[0] == 0  # remembered
    assert open_pids(served.store) == accepted_pids(state)


def test_a_host_that_is_enrolled_is_not_enrolled_at_each_send(call: Call, canned: Canned):
    canned.answers = [
        Answer(body=encode(Enrolled(id="0" * 32, name="x"))),
        Answer(body=encode(Receipt(outcome="applied", last="1" * 32))),
    ]
    for _ in range(2):
        assert call("send", "os", "--server", f"{canned.url}/", "--key", "k")[0] == 0
    assert [path for path, _, _ in canned.asked] == ["/api/v1/enroll", "/api/v1/reports", "/api/v1/reports"]


def test_bytes_that_are_no_text_silence_nothing(call: Call, enrolled: Served, state: Path):
    with subprocess.Popen([b"/bin/sh", b"-c", b"read line", b"caf\xe9 \xff"], stdin=subprocess.PIPE) as child:
        assert call("send", "ps")[0] == 0
        with closing(Spool(state)) as spool:
            (row,) = (row for row in spool.accepted()["processes"].values() if row.pid == child.pid)
    assert row.arguments == r"/bin/sh -c 'read line' 'caf\xe9 \xff'"
    assert open_pids(enrolled.store) == accepted_pids(state)


def test_all_and_a_name_is_a_contradiction(call: Call):
    code, _, err = call("send", "--all", "ps")
    assert (code, err) == (2, "Error: Say --all or name what to send, not both.\n")


def test_a_dead_server_keeps_the_reports_and_the_next_send_delivers_them(call: Call, served: Served, state: Path):
    dead = "http://127.0.0.1:9"
    for count in (1, 2):
        code, out, err = call("send", "ps", "--server", dead, "--key", served.enroll_key, "-o", "json")
        assert (code, json.loads(out)) == (3, [])
        kept = "1 report is" if count == 1 else "2 reports are"
        assert err.startswith(f"Error: Cannot reach {dead} (")
        assert err.endswith(f" {kept} kept on disk: the next `compliance agent send` begins there.\n")
    code, out, _ = call("send", "ps", "--server", served.url, "--key", served.enroll_key, "-o", "json")
    assert code == 0
    sent = json.loads(out)
    assert [one["outcome"] for one in sent] == ["applied"] * 3
    assert [one["taken_at"] for one in sent] == sorted(one["taken_at"] for one in sent)
    assert open_pids(served.store) == accepted_pids(state)


def test_with_nothing_sent_the_answer_is_still_one_that_a_program_can_read(call: Call, enrolled: Served):
    code, out, _ = call("send", "os", "--server", "http://127.0.0.1:9", "-o", "csv")
    assert (code, out) == (3, "report_id,taken_at,size,outcome,note\n")


def test_a_report_set_aside_is_told_and_the_exit_code_is_a_refusal(call: Call, canned: Canned, state: Path):
    key = "cmk_" + "k" * 43
    canned.answers = [Answer(body=encode(Enrolled(id="0" * 32, name="x"))), problem(400, "os.rows[0].name: too long")]
    code, out, err = call("send", "os", "--server", canned.url, "--key", key)
    assert code == 4
    assert "set aside  os.rows[0].name: too long" in out
    assert err.endswith(f"Error: 1 report is set aside in {state / 'rejected'}: see the note.\n")
    canned.answers = [Answer(body=encode(Receipt(outcome="applied", last="1" * 32)))]
    code, out, _ = call("send", "os", "-o", "json")
    assert (code, [one["outcome"] for one in json.loads(out)]) == (0, ["applied"])
    assert canned.reports()[-1].dropped
    identity = read(state)
    assert identity
    assert key not in out + err
    assert identity.token not in out + err


def test_what_a_server_says_cannot_write_on_the_terminal(call: Call, canned: Canned):
    canned.answers = [problem(401, "\x1b]0;owned\x07 go away")]
    _, _, err = call("enroll", "--server", canned.url, "--key", "k")
    assert err == "Error: \\x1b]0;owned\\x07 go away\n"


def test_a_damaged_spool_is_told_once(call: Call, enrolled: Served, state: Path):
    call("send", "ps")
    (state / "agent.db").write_bytes(b"no database" * 1000)
    code, _, err = call("send", "ps")
    assert code == 0
    assert err.startswith(
        f"Warning: The spool was damaged and is set aside as {state / 'agent.db.damaged'}; what waited"
    )
    assert open_pids(enrolled.store) == accepted_pids(state)
    assert "damaged" not in call("send", "ps")[2]


def test_several_agents_on_one_state_folder_take_turns(enrolled: Served, state: Path):
    command = [sys.executable, "-m", "compliance", "agent", "send", "cpu", "os", "-o", "json"]
    agents = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    told = [agent.communicate(timeout=120) for agent in agents]
    assert [agent.returncode for agent in agents] == [0] * 4, told
    assert sorted(one["outcome"] for out, _ in told for one in json.loads(out)) == ["applied"] * 4
    with enrolled.store.session() as db:
        assert db.query("SELECT forks, revision > 0 FROM host_contact", []) == [(0, 1)]
        assert db.query("SELECT COUNT(*) FROM cpu_sample", []) == [(4,)]


needs_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another user")


@needs_root
@pytest.mark.parametrize("command", [["send", "ps"], ["enroll"], ["status"], ["status", "-o", "json"]])
def test_a_state_folder_of_another_user_is_a_sentence(strangers_folder: Path, command: list[str]):
    state = strangers_folder / "state"
    state.mkdir(mode=0o700)
    script = (
        "import os, sys\n"
        "from compliance import cli\n"
        "import compliance.agent.cli, compliance.agent.config, compliance.agent.standing, compliance.agent.loop\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(cli.run(['agent', *sys.argv[1:]]))\n"
    )
    environment = {
        **os.environ,
        "COMPLIANCE_SERVER": "https://x",
        "COMPLIANCE_KEY": "k",
        "COMPLIANCE_STATE_DIR": str(state),
    }
    done = subprocess.run(
        [sys.executable, "-c", script, *command], capture_output=True, encoding="utf-8", env=environment, timeout=60
    )
    assert done.stderr.startswith("Error: Cannot ")
    assert str(state) in done.stderr
    assert "Permission denied" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode in (1, 2)


FULL = """
mount -t tmpfs -o size=400k none "$COMPLIANCE_STATE_DIR"
chmod 700 "$COMPLIANCE_STATE_DIR"
agent="$PYTHON -m compliance agent"
$agent send os --server "$URL" --key "$KEY" -o json >/dev/null || exit 9
dd if=/dev/zero of="$COMPLIANCE_STATE_DIR/filler" bs=1k 2>/dev/null || true
for turn in 1 2 3 4; do $agent send ps >/dev/null 2>"$LOG" || echo "refused $?"; done
rm "$COMPLIANCE_STATE_DIR/filler"
$agent send ps -o json
"""


@needs_root
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare here")
def test_a_full_disk_is_a_sentence_and_once_there_is_room_the_server_ends_with_the_right_rows(
    served: Served, state: Path, tmp_path: Path
):
    log = tmp_path / "log"
    environment = {**os.environ, "PYTHON": sys.executable, "URL": served.url, "KEY": served.enroll_key, "LOG": str(log)}
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-uc", FULL], capture_output=True, encoding="utf-8", env=environment, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *refused, sent = done.stdout.split("\n", 4)
    assert refused == ["refused 1"] * 4
    assert "make room" in log.read_text()
    assert len(log.read_text().splitlines()) == 1
    assert {one["outcome"] for one in json.loads(sent)} == {"applied"}
    assert open_pids(served.store)

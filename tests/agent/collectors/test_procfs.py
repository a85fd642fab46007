"""Rows from the real texts of /proc."""

import pytest

from compliance.agent.collectors import procfs

# Recorded on Linux 6.18.
BASH = (
    b"4333 (bash) S 4332 4333 4333 0 -1 4194560 5636 238024 0 414 2 2 298 150 20 0 1 0 1083683 5435392 1041 "
    b"18446744073709551615 94042933989376 94042934778140 140726613853552 0 0 0 0 4 1132560123 1 0 0 17 1 0 0 0 0 0 "
    b"94042935012080 94042935060324 94043033079808 140726613855100 140726613855115 140726613855115 140726613856234 0\n"
)
WORKER = (
    b"1275 (kworker/u8:3-ext4-rsv-conversion) I 2 0 0 0 -1 69238880 0 0 0 0 8 112 0 0 20 0 1 0 31673 0 0 "
    b"18446744073709551615 0 0 0 0 0 0 0 2147483647 0 1 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
)


def stat(comm: bytes, raw: bytes = BASH) -> procfs.Stat:
    return procfs.parse_stat(raw.replace(b"bash", comm))


def test_a_stat_line_is_read() -> None:
    assert procfs.parse_stat(BASH) == procfs.Stat(b"bash", False, 4332, False, 1083683, 140726613853552)


def test_a_kernel_thread_is_told_by_its_flag() -> None:
    assert procfs.parse_stat(WORKER) == procfs.Stat(b"kworker/u8:3-ext4-rsv-conversion", False, 2, True, 31673, 0)


@pytest.mark.parametrize("comm", [b") S 1 (", b"a b", b"", b"((", b"))", b"x\ny", b"\xff"])
def test_a_name_may_hold_what_separates_the_fields(comm: bytes) -> None:
    assert stat(comm) == procfs.parse_stat(BASH)._replace(comm=comm)


@pytest.mark.parametrize("raw", [b"", b"4333 (bash)", b"4333 (bash) S 1 2", b"\n"])
def test_a_line_that_was_cut_off_is_an_error_that_the_collector_expects(raw: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        procfs.parse_stat(raw)


@pytest.mark.parametrize(
    ("comm", "name"),
    [
        (b"kworker/0:1-events", b"kworker/0:1"),
        (b"kworker/0:1+events", b"kworker/0:1"),
        (b"kworker/0:1", b"kworker/0:1"),
        (b"kworker/1:0H-kblockd", b"kworker/1:0H"),
        (b"kworker/u8:3-ext4-rsv-conversion", b"kworker/u8:3"),
        (b"kworker/R-writeback", b"kworker/R-writeback"),
        (b"kworker/R-ext4-rsv-conversion", b"kworker/R-ext4-rsv-conversion"),
        (b"irq/24-ACPI:Ged", b"irq/24-ACPI:Ged"),
        (b"ksoftirqd/0", b"ksoftirqd/0"),
    ],
)
def test_a_kernel_thread_is_named_by_the_stable_part(comm: bytes, name: bytes) -> None:
    assert procfs.thread_name(comm) == name


def test_a_kernel_thread_has_neither_program_nor_arguments() -> None:
    row = procfs.row(1275, procfs.parse_stat(WORKER), "root", 5, None, b"")
    assert (row.name, row.exe, row.arguments, row.ppid, row.ticks) == ("kworker/u8:3", None, None, 2, 31673)


def test_a_name_of_fifteen_bytes_is_told_whole() -> None:
    cut = stat(b"systemd-journal")
    row = procfs.row(1, cut, "root", 5, "/usr/lib/systemd/systemd-journald", b"/usr/lib/systemd/systemd-journald\0")
    assert row.name == "systemd-journald"
    assert procfs.row(1, cut, "root", 5, None, b"/x/systemd-journald\0-v\0").name == "systemd-journald"
    assert procfs.row(1, cut, "root", 5, None, b"other\0").name == "systemd-journal"


def test_a_process_without_a_name_is_named_after_its_program() -> None:
    assert procfs.row(1, stat(b""), "root", 5, "/usr/bin/x", b"").name == "x"
    assert procfs.row(1, stat(b""), "root", 5, None, b"").name == "?"


def test_a_program_replaced_on_disk_keeps_its_path() -> None:
    assert procfs.program_path("/usr/sbin/nginx (deleted)") == "/usr/sbin/nginx"
    assert procfs.program_path("/usr/sbin/nginx") == "/usr/sbin/nginx"


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"sleep\x00600\0", "sleep 600"),
        (b"sh\0-c\0echo 'a' b\0", """sh -c 'echo '"'"'a'"'"' b'"""),
        (
            b"nginx: master process /usr/sbin/nginx -g daemon off;\0\0\0\0",
            "nginx: master process /usr/sbin/nginx -g daemon off;",
        ),
        (b"app\0\0b\0", "app '' b"),
        (b"caf\xe9\0", r"'caf\xe9'"),
        (b"app\0--password\0x y\0--url\0https://a:b@h\0", "app --password [redacted] --url https://a:[redacted]@h"),
        (b"app --password x\0", "app --password [redacted]"),
    ],
)
def test_a_command_line_reads_as_in_a_shell(raw: bytes, told: str) -> None:
    assert procfs.row(1, stat(b"x"), "root", 5, None, raw).arguments == told


def test_a_command_line_that_is_too_long_ends_with_a_mark() -> None:
    told = procfs.row(1, stat(b"x"), "root", 5, None, b"\0".join([b"word"] * 40_000)).arguments
    assert told is not None
    assert (len(told), told[-1]) == (65_536, "…")


def test_a_secret_past_the_cut_is_out_before_it() -> None:
    told = procfs.row(1, stat(b"x"), "root", 5, None, b"app\0--token\0" + b"s3cret" * 20_000 + b"\0end\0").arguments
    assert told == "app --token [redacted] end"

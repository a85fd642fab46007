"""A Docker engine for one check, where none runs: Debian's packages, unpacked into a folder, and a daemon of its own.

Nothing is installed and no daemon of the machine's is touched: data, socket and pid file are the check's, and the
daemon ends with it. It needs root, for it makes namespaces, and a Debian, for runc and iptables are of its own suite.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
NEWER, NEWEST = "trixie", "sid"
"""The suites of the engine, for an older one knows no buildx, and of buildx, for Compose asks for 0.17 of it."""
ENGINE = ["docker.io", "docker-cli", "containerd", "debootstrap"]
OWN = ["runc", "iptables", "libxtables12", "libip4tc2", "libip6tc2", "libnftnl11", "libmnl0", "libnfnetlink0"]
OWN += ["libnetfilter-conntrack3", "libseccomp2"]
"""Linked against the machine's own C library, so from its own suite."""
PROGRAMS = {
    "engine/usr/bin": ["containerd", "containerd-shim-runc-v2", "docker"],
    "engine/usr/sbin": ["dockerd", "docker-proxy", "debootstrap"],
    "own/usr/sbin": ["runc"],
}
START_SECONDS = 60.0


def answers() -> bool:
    """Whether a daemon answers already, by DOCKER_HOST or in the usual place."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version"], capture_output=True, timeout=60).returncode == 0


@contextmanager
def running(cache: Path) -> Iterator[None]:
    """The environment names the engine inside the block; there is none of it afterwards."""
    unpack(cache)
    environment = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="docker-") as name:
        folder = Path(name)
        os.environ.update(variables(cache, folder))
        daemon = start(cache, folder)
        try:
            yield
        finally:
            daemon.terminate()
            daemon.wait(60)
            unmount(folder)
            os.environ.clear()
            os.environ.update(environment)


def unmount(folder: Path) -> None:
    """What the daemon left mounted: the network namespace that containers on the host's network were given."""
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in reversed(mounted):
        if Path(place).is_relative_to(folder):
            subprocess.run(["umount", place], check=True)


def unpack(cache: Path) -> None:
    """Fetches and unpacks what is not there yet; a folder that is there is whole."""
    sources = (("engine", NEWER, ENGINE), ("buildx", NEWEST, ["docker-buildx"]), ("own", codename(), OWN))
    for folder, suite, packages in sources:
        if not (cache / folder).is_dir():
            fetch(cache / f"{folder}.debs", suite, packages)
            part = cache / f"{folder}.part"
            shutil.rmtree(part, ignore_errors=True)
            for package in sorted((cache / f"{folder}.debs").glob("*.deb")):
                subprocess.run(["dpkg", "-x", package, part], check=True)
            part.rename(cache / folder)
            shutil.rmtree(cache / f"{folder}.debs")
    link(cache)


def link(cache: Path) -> None:
    shutil.rmtree(cache / "bin", ignore_errors=True)
    (cache / "bin").mkdir()
    for folder, names in PROGRAMS.items():
        for name in names:
            (cache / "bin" / name).symlink_to(cache / folder / name)
    for name in ("iptables", "ip6tables"):
        (cache / "bin" / name).symlink_to(cache / "own/usr/sbin/xtables-nft-multi")
    plugins = cache / "config" / "cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    (plugins / "docker-buildx").unlink(missing_ok=True)
    (plugins / "docker-buildx").symlink_to(cache / "buildx/usr/libexec/docker/cli-plugins/docker-buildx")


def fetch(folder: Path, suite: str, packages: list[str]) -> None:
    """Packages of a suite, by apt with lists of its own: their signatures are checked."""
    for needed in ("lists/partial", "archives/partial"):
        (folder / needed).mkdir(parents=True, exist_ok=True)
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (folder / "sources.list").write_text(f"deb [signed-by={keys}] {MIRROR} {suite} main\n")
    options = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State": folder,
        "Dir::State::status": "/dev/null",
        "Dir::Cache": folder,
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    subprocess.run([*apt, "update"], check=True, timeout=600)
    subprocess.run([*apt, "download", *packages], check=True, timeout=600, cwd=folder)


def codename() -> str:
    """Of the Debian that this is; ends the check where it is none."""
    release = platform.freedesktop_os_release()
    if release.get("ID") != "debian" or os.geteuid() != 0:
        sys.exit("No Docker answers here. Start it, or run this as root on a Debian, where it brings its own.")
    return release["VERSION_CODENAME"]


def variables(cache: Path, folder: Path) -> dict[str, str]:
    """What the daemon and its clients need to find each other, and their programs."""
    (libraries,) = (cache / "own/usr/lib").glob("*-linux-gnu")
    return {
        "DOCKER_HOST": f"unix://{folder}/docker.sock",
        "DOCKER_CONFIG": str(cache / "config"),
        "PATH": f"{cache / 'bin'}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": str(libraries),
        "XTABLES_LIBDIR": str(libraries / "xtables"),
        "DEBOOTSTRAP_DIR": str(cache / "engine/usr/share/debootstrap"),
    }


def start(cache: Path, folder: Path) -> "subprocess.Popen[bytes]":
    """The daemon, answering. It leaves the machine's packet filter and its default bridge alone."""
    command = ["dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none"]
    command += [f"--host={os.environ['DOCKER_HOST']}", f"--data-root={cache / 'data'}"]
    command += [f"--exec-root={folder}", f"--pidfile={folder / 'docker.pid'}"]
    with (cache / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
    until = time.monotonic() + START_SECONDS
    while not answers():
        if daemon.poll() is not None or time.monotonic() > until:
            daemon.kill()
            sys.exit(f"The Docker engine does not start: {cache / 'dockerd.log'} says why.")
        time.sleep(0.2)
    return daemon

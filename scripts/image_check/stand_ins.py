"""The images that the Dockerfile and the compose file name, where no registry can be reached: Debian's own programs.

Python is the same minor version in the same suite. MySQL is the one that Debian has, a newer one than 8.4, with an
entrypoint that takes the variables of Docker Hub's image in its order and as its user.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from scripts.image_check.engine import MIRROR

MYSQL_SUITE = "sid"
"""The only suite with Oracle's MySQL."""
ENTRYPOINT = r"""#!/bin/sh
set -eu
for name in MYSQL_ROOT_HOST MYSQL_DATABASE MYSQL_USER MYSQL_PASSWORD MYSQL_ROOT_PASSWORD; do
    eval "file=\${${name}_FILE:-}"
    if [ -n "$file" ]; then
        value=$(cat "$file")
        export "$name=$value"
        unset "${name}_FILE"
    fi
done
if [ ! -d /var/lib/mysql/mysql ]; then
    "$@" --initialize-insecure
    "$@" --skip-networking --daemonize --pid-file=/var/run/mysqld/first.pid
    mysql -uroot <<SQL
ALTER USER root@localhost IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';
CREATE DATABASE \`$MYSQL_DATABASE\`;
CREATE USER '$MYSQL_USER'@'%' IDENTIFIED BY '$MYSQL_PASSWORD';
GRANT ALL ON \`$MYSQL_DATABASE\`.* TO '$MYSQL_USER'@'%';
SQL
    MYSQL_PWD=$MYSQL_ROOT_PASSWORD mysqladmin -uroot shutdown
fi
exec "$@"
"""
SETTINGS = """\
[mysqld]
datadir=/var/lib/mysql
socket=/var/run/mysqld/mysqld.sock
pid-file=/var/run/mysqld/mysqld.pid
secure-file-priv=/var/lib/mysql-files
[client]
socket=/var/run/mysqld/mysqld.sock
"""


def make(python: str, mysql: str) -> None:
    """The two images under the names given, where they are not there yet."""
    if not there(python):
        make_python(python)
    if not there(mysql):
        make_mysql(mysql)


def there(image: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True, timeout=60).returncode == 0


def make_python(image: str) -> None:
    """As `python:3.13...-slim-trixie` names it; pip trusts whom this machine's pip trusts."""
    found = re.fullmatch(r"python:(\d+\.\d+)\S*-slim-(\w+)", image)
    assert found, f"{image} is not a slim Python of a named suite"
    with tempfile.TemporaryDirectory() as name:
        root = Path(name, "root")  # anybody may enter it, as an image's root has to be
        bootstrap(root, found[2], ["ca-certificates", "python3", "python3-venv", "python3-pip"])
        said = subprocess.run(
            ["chroot", root, "python3", "--version"], capture_output=True, text=True, check=True
        ).stdout
        assert said.startswith(f"Python {found[1]}."), f"{found[2]} has {said.strip()}, not {found[1]}"
        for program in ("python", "pip"):
            (root / "usr/local/bin" / program).symlink_to(f"/usr/bin/{program}3")
        for mark in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
            mark.unlink()
        authorities = Path("etc/ssl/certs/ca-certificates.crt")
        shutil.copy(os.environ.get("PIP_CERT", "/" / authorities), root / authorities)
        (root / "etc/pip.conf").write_text(f"[global]\ncert = /{authorities}\n")
        take(root, image)


def make_mysql(image: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name, "root")  # anybody may enter it, as an image's root has to be
        bootstrap(root, MYSQL_SUITE, ["mysql-server-core", "mysql-client-core"])
        with (root / "etc/passwd").open("a") as accounts, (root / "etc/group").open("a") as groups:
            accounts.write("mysql:x:999:999::/var/lib/mysql:/usr/sbin/nologin\n")
            groups.write("mysql:x:999:\n")
        # Not through var/run: it is an absolute link, and would lead out of here.
        for folder, mode in (("var/lib/mysql", 0o1777), ("var/lib/mysql-files", 0o750), ("run/mysqld", 0o1777)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            os.chown(root / folder, 999, 999)
            (root / folder).chmod(mode)
        (root / "etc/my.cnf").write_text(SETTINGS)
        entrypoint = root / "usr/local/bin/docker-entrypoint.sh"
        entrypoint.write_text(ENTRYPOINT)
        entrypoint.chmod(0o755)
        take(root, image, "VOLUME /var/lib/mysql", 'ENTRYPOINT ["docker-entrypoint.sh"]', 'CMD ["mysqld"]')


def bootstrap(root: Path, suite: str, packages: list[str]) -> None:
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", suite, str(root), MIRROR]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, f"debootstrap failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    for folder in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(root / folder)


def take(root: Path, image: str, *changes: str) -> None:
    """The folder as an image."""
    path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    options = [part for change in (path, *changes) for part in ("--change", change)]
    with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tree:
        subprocess.run(["docker", "import", *options, "-", image], stdin=tree.stdout, check=True, capture_output=True)
    assert tree.returncode == 0

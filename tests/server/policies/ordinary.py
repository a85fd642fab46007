"""Ordinary hosts, as their makers install them, with what is common on a server: no shipped policy may fail there."""

from tests.server.policies.hosts import facts


def process(name, arguments, user="root", path=None):
    return {"name": name, "path": path or f"/usr/sbin/{name}", "arguments": arguments, "user": user}


THREADS = [{"name": name, "parent": 2} for name in ("kthreadd", "kworker/0:1", "ksoftirqd/0", "migration/0", "kswapd0")]
SYSTEMD = [
    process("systemd", "/sbin/init", path="/usr/lib/systemd/systemd"),
    process("systemd-journald", "/lib/systemd/systemd-journald", path="/usr/lib/systemd/systemd-journald"),
    process("systemd-udevd", "/lib/systemd/systemd-udevd", path="/usr/bin/udevadm"),
    process("systemd-logind", "/lib/systemd/systemd-logind"),
    process("dbus-daemon", "/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile", "messagebus"),
    process("agetty", "/sbin/agetty -o '-p -- \\\\u' --noclear - linux"),
    process("polkitd", "/usr/lib/polkit-1/polkitd --no-debug", "polkitd"),
]
SSH = [
    process("sshd", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"),
    process("sshd", "sshd: ana [priv]"),
    process("sshd", "sshd: ana@pts/0", "ana"),
    process("bash", "-bash", "ana", "/usr/bin/bash"),
    process("sudo", "sudo -i", "root", "/usr/bin/sudo"),
    process("vim", "vim /etc/hosts", "ana", "/usr/bin/vim.basic"),
]
SERVICES = [
    process("cron", "/usr/sbin/cron -f"),
    process("rsyslogd", "/usr/sbin/rsyslogd -n -iNONE", "syslog"),
    process("nginx", "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;"),
    process("nginx", "nginx: worker process", "www-data"),
    process("php-fpm8.2", "php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)"),
    process("php-fpm8.2", "php-fpm: pool www", "www-data"),
    process("sh", "sh -c 'php /srv/app/cron.php'", "www-data", "/usr/bin/dash"),
    process("mariadbd", "/usr/sbin/mariadbd", "mysql"),
    process("postgres", "/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main", "postgres"),
    process("redis-server", "/usr/bin/redis-server 127.0.0.1:6379", "redis"),
    process("java", "java -Xmx2g -jar /srv/app/app.jar --spring.profiles.active=prod", "app", "/usr/lib/jvm/bin/java"),
    process("python3", "/srv/app/venv/bin/python -m gunicorn app:app -b 127.0.0.1:8000", "app", "/usr/bin/python3.11"),
    process("node", "node /srv/app/server.js", "app", "/usr/bin/node"),
    process("dockerd", "/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock"),
    process("containerd-shim-runc-v2", "/usr/bin/containerd-shim-runc-v2 -namespace moby -id 4f", path="/usr/bin/c"),
    process("kubelet", "/usr/bin/kubelet --config=/var/lib/kubelet/config.yaml"),
    process("node_exporter", "/usr/bin/node_exporter --web.listen-address=:9100", "prometheus"),
    process("timeout", "timeout 1 bash -c '</dev/tcp/127.0.0.1/80'", path="/usr/bin/timeout"),
    process("nc", "nc -z db-1 5432", "ana", "/usr/bin/nc.openbsd"),
]
ACCOUNTS = [
    {"name": "root", "uid": 0, "shell": "/bin/bash", "password": "set"},
    {"name": "daemon", "uid": 1, "shell": "/usr/sbin/nologin", "password": "locked"},
    {"name": "bin", "uid": 2, "shell": "/usr/sbin/nologin", "password": "locked"},
    {"name": "sync", "uid": 4, "shell": "/bin/sync", "password": "locked"},
    {"name": "www-data", "uid": 33, "shell": "/usr/sbin/nologin", "password": "locked"},
    {"name": "sshd", "uid": 104, "shell": "/usr/sbin/nologin", "password": "locked"},
    {"name": "mysql", "uid": 110, "shell": "/bin/false", "password": "locked"},
    {"name": "postgres", "uid": 117, "shell": "/bin/bash", "password": "locked"},
    {"name": "ana", "uid": 1000, "shell": "/bin/bash", "password": "set"},
    {"name": "nobody", "uid": 65534, "shell": "/usr/sbin/nologin", "password": "locked"},
]
PORTS = [
    {"port": 22, "address": "0.0.0.0", "process": "sshd"},
    {"port": 22, "address": "::", "process": "sshd"},
    {"port": 25, "address": "127.0.0.1", "process": "master"},
    {"port": 53, "address": "127.0.0.53", "process": "systemd-resolve"},
    {"port": 53, "protocol": "udp", "address": "127.0.0.53", "process": "systemd-resolve"},
    {"port": 68, "protocol": "udp", "address": "10.0.0.5", "process": "systemd-network"},
    {"port": 80, "address": "0.0.0.0", "process": "nginx"},
    {"port": 111, "address": "0.0.0.0", "process": "rpcbind"},
    {"port": 323, "protocol": "udp", "address": "127.0.0.1", "process": "chronyd"},
    {"port": 443, "address": "::", "process": "nginx"},
    {"port": 631, "address": "127.0.0.1", "process": "cupsd"},
    {"port": 3306, "address": "127.0.0.1", "process": "mariadbd"},
    {"port": 5432, "address": "::1", "process": "postgres"},
    {"port": 6379, "address": "127.0.0.1", "process": "redis-server"},
    {"port": 6010, "address": "127.0.0.1", "process": "sshd"},
    {"port": 9100, "address": "::", "process": "node_exporter"},
]
SESSIONS = [{"user": "ana", "from": "10.0.0.7", "age": "2h"}, {"user": "root", "age": "30d"}]
ALIKE = {
    "host": {"name": "web-1"},
    "accounts": ACCOUNTS,
    "ports": PORTS,
    "sessions": SESSIONS,
    "cpu": [3, 97, 12],
    "report": {"agent": "0.1.0", "skew": "1s"},
    "contact": {"seen": "30s", "looked": {"processes": "30s", "sessions": "30s", "packages": "3h"}},
}


def packages(manager, *names):
    return [
        {"name": name, "version": version, "manager": manager} for name, _, version in (n.partition("=") for n in names)
    ]


DEBIAN = facts(
    **ALIKE,
    os={"name": "Debian GNU/Linux", "version": "12", "kernel": "6.1.0-37-amd64"},
    processes=[
        *THREADS,
        *SYSTEMD,
        *SSH,
        *SERVICES,
        process("systemd-timesyncd", "/lib/systemd/systemd-timesyncd", "systemd-timesync"),
    ],
    packages=packages(
        "dpkg",
        "openssh-server=1:9.2p1-2+deb12u7",
        "telnet=0.17",
        "xz-utils=5.4.1-1",
        "gcc-12-base=12.2.0-14",
        "apparmor=3.0.8-3",
    ),
)
UBUNTU = facts(
    **ALIKE,
    os={"name": "Ubuntu", "version": "24.04", "kernel": "6.8.0-60-generic"},
    processes=[
        *THREADS,
        *SYSTEMD,
        *SSH,
        *SERVICES,
        process("systemd-timesyncd", "/usr/lib/systemd/systemd-timesyncd", "systemd-timesync"),
        process("snapd", "/usr/lib/snapd/snapd"),
        process(
            "python3",
            "/usr/bin/python3 /usr/bin/networkd-dispatcher --run-startup-triggers",
            path="/usr/bin/python3.12",
        ),
        process(
            "python3", "/usr/bin/python3 /usr/share/unattended-upgrades/unattended-upgrade-shutdown --wait-for-signal"
        ),
        process("multipathd", "/sbin/multipathd -d -s"),
    ],
    packages=packages(
        "dpkg",
        "openssh-server=1:9.6p1-3ubuntu13.13",
        "liblzma5=5.6.1+really5.4.5-1ubuntu0.2",
        "apparmor=4.0.1",
        "inetutils-telnet=2:2.5",
    ),
)
RHEL = facts(
    **ALIKE,
    os={"name": "Red Hat Enterprise Linux", "version": "9.6", "kernel": "5.14.0-570.12.1.el9_6.x86_64"},
    processes=[
        *THREADS,
        *SYSTEMD,
        *SSH,
        *SERVICES,
        process("chronyd", "/usr/sbin/chronyd -F 2", "chrony"),
        process("auditd", "/sbin/auditd"),
        process("firewalld", "/usr/bin/python3 -s /usr/sbin/firewalld --nofork --nopid", path="/usr/bin/python3.9"),
        process("NetworkManager", "/usr/sbin/NetworkManager --no-daemon"),
        process("tuned", "/usr/bin/python3 -Es /usr/sbin/tuned -l -P", path="/usr/bin/python3.9"),
        process("rhsmcertd", "/usr/bin/rhsmcertd"),
    ],
    packages=packages(
        "rpm",
        "openssh-server=8.7p1-45.el9",
        "xz-libs=5.2.5-8.el9_0",
        "selinux-policy-targeted=38.1.53-5.el9_6",
        "telnet=1:0.17-85.el9",
    ),
)
HOSTS = {"debian": DEBIAN, "ubuntu": UBUNTU, "rhel": RHEL}

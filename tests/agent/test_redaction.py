"""Every form in which a secret stands on a command line, and what only looks alike."""

import re
import shlex
import string

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from compliance.agent.redaction import LOOKS_LIKE_OPTION, REDACTED, redact

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N"
AWS_ID, AWS_SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # Amazon's own examples
OUR_KEY, OUR_TOKEN = "cmk_" + "k" * 43, "cmt_" + "t" * 43

# `{}` is where the secret stands; the line is read as a shell reads it, so that quotes make one argument.
FORMS = [
    "app --password {}",
    "app --password={}",
    "app --PASSWORD={}",
    "app --passwd {}",
    "app --db-password {}",
    "app --db_password={}",
    "app --passphrase {}",
    "app -password {}",
    "app --key {}",
    "app --key={}",
    "app --token {}",
    "app --auth-token={}",
    "app --secret {}",
    "app --client-secret={}",
    "app --api-key {}",
    "app --api_key={}",
    "app --apikey {}",
    "app --apiKey={}",
    "app --access-key {}",
    "openssl rsa -in a.pem -passin pass:{}",
    "keytool -list -storepass {}",
    "java -Djavax.net.ssl.keyStorePassword={} Main",
    "env PASSWORD={} app",
    "env DB_PASSWORD={} app",
    "env GITHUB_TOKEN={} app",
    "env CLIENT_SECRET={} app",
    "env API_KEY={} app",
    "env STRIPE_KEY={} app",
    "env AWS_SECRET_ACCESS_KEY={} app",
    "env MYSQL_PWD={} app",
    "docker run -e DB_PASSWORD={} image",
    "docker run --env=DB_PASSWORD={} image",
    "mysql -uroot -p{} shop",
    "/usr/bin/mysqldump -p{} shop",
    "mysqladmin -p{} ping",
    "mariadb -p{}",
    "mariadb-dump -Bp{} shop",
    "sudo -u root mysql -p{}",
    "timeout 5 mysql -p{}",
    "docker exec db mysql -p{}",
    "sshpass -p {} ssh -p 22 host",
    "sshpass -p{} ssh host",
    "curl -u user:{} https://example.org",
    "curl -su user:{} https://example.org",
    "curl -uuser:{} https://example.org",
    "curl --user user:{} https://example.org",
    "curl --proxy-user=user:{} https://example.org",
    "http -a user:{} example.org",
    "app postgres://user:{}@db.example.org:5432/shop",
    "app --url=mysql://user:{}@db/shop",
    "app redis://:{}@cache",
    "app https://example.org/x?token={}",
    "app 'https://example.org/x?a=1&access_token={}&b=2'",
    "app https://example.org/x?api_key={}",
    "app https://example.org/x?sig={}",
    "curl -H 'Authorization: Bearer {}' https://example.org",
    "curl -H 'Authorization: Basic {}' https://example.org",
    "curl -H 'X-Api-Key: {}' https://example.org",
    "curl -H 'PRIVATE-TOKEN: {}' https://example.org",
    "curl -H 'Cookie: session={}' https://example.org",
    "app Bearer {}",
    "app 'Bearer {}'",
    'curl -d \'{{"user": "me", "password": "{}"}}\' https://example.org',
    "app 'host=db user=me password={} dbname=shop'",
    "app 'Server=db;Uid=me;Pwd={};Database=shop'",
    "sh -c 'app --password {}'",
    "sh -c 'app --password \"{}\" > log'",
    "sh -c 'true; PASSWORD={} app && true'",
    "sh -c 'cd /tmp; mysql -p{} shop | wc -l'",
    "sh -c 'echo a\nmysql -p{} shop'",
    "bash -c 'ssh host \"mysql -p{} shop\"'",
    "bash -c 'x=$(mysql -p{} shop)'",
    "sh -c 'curl -u user:{} https://example.org'",
    "sh -c 'sshpass -p {} ssh host'",
    "sh -c 'curl -H \"Authorization: Bearer {}\" https://example.org'",
]

KNOWN = [
    AWS_ID,
    f"{AWS_ID}:{AWS_SECRET}",
    "ASIAIOSFODNN7EXAMPLE",
    "ghp_" + "a1" * 18,
    "github_pat_" + "a1" * 20,
    "glpat-" + "a1" * 10,
    "xoxb-" + "1234567890-abcdef",
    "sk_live_" + "a1" * 12,
    "npm_" + "a1" * 18,
    OUR_KEY,
    OUR_TOKEN,
    JWT,
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\nxyz=\n-----END RSA PRIVATE KEY-----",
]

ALIKE = [
    "cp -pr /a /b",
    "cp -pr mysql /backup",
    "rsync -av mysql -pr /backup",
    "mkdir -p x",
    "ssh -p 22 host",
    "ps -p 1",
    "nc -p 1234",
    "docker run -p 80:80 image",
    "mysql -P 3306 -u root",
    "mysql -p shop",
    "app --keyboard us",
    "app --key-file /etc/x.pem",
    "app --password-file /x",
    "app --password-stdin",
    "app --tokenizer x",
    "app --max-tokens 100",
    "app --no-password host",
    "ansible-playbook --ask-pass site.yml",
    "app --password --verbose",
    "app --password=",
    "git log --pretty=oneline",
    "git commit -m authorize",
    "curl http://host:80/a@b",
    "curl http://[::1]:80/a@b",
    "curl https://example.org/x?page=2",
    "curl -u user https://example.org",
    "docker run --user 1000:1000 image",
    "chown -R user:group /x",
    "scp file user@host:/x",
    "git clone git@github.com:o/r.git",
    "sort --key 2 file",
    "sort --key=2 file",
    "sort -k 2 file",
    "sh -c 'sort --key 2 file | head'",
    "env PWD=/root OLDPWD=/ app",
    "sh -c 'cp -pr a b; mkdir -p c'",
    "sh -c 'ssh -p 22 host && ps -p 1'",
    "nginx -g 'daemon off;'",
    "monkey --path /usr/share/keymaps",
    "docker run example.org/my-secret:latest",
    "keepassxc --config /home/me/x.ini",
    "cmk_agent --all",
    "systemd-tty-ask-password-agent --wall",
    "gpg-agent --supervised",
]


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_taken_out_of(form: str) -> None:
    line = redact(shlex.split(form.format("hunter2xyz")))
    assert "hunter2xyz" not in "\n".join(line)
    assert any(REDACTED in argument for argument in line)
    assert line[0] == form.split()[0]


@pytest.mark.parametrize("secret", KNOWN)
@pytest.mark.parametrize("around", ["{}", "--config={}", "a {} b", "x={}"])
def test_a_secret_of_a_known_form_is_taken_out_wherever_it_stands(secret: str, around: str) -> None:
    line = redact(["app", around.format(secret), "end"])
    assert line == ["app", around.format(REDACTED), "end"]


@pytest.mark.parametrize("line", ALIKE)
def test_what_only_looks_alike_stays(line: str) -> None:
    assert redact(shlex.split(line)) == shlex.split(line)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("app --password x --verbose", "app --password [redacted] --verbose"),
        ("env DB_PASSWORD=x HOME=/root app", "env DB_PASSWORD=[redacted] HOME=/root app"),
        ("app https://me:x@host:80/path?q=1", "app https://me:[redacted]@host:80/path?q=1"),
        ("app 'https://host/?a=1&token=x&b=2'", "app 'https://host/?a=1&token=[redacted]&b=2'"),
        ("sshpass -p x ssh -p 22 host", "sshpass -p [redacted] ssh -p 22 host"),
        ("sh -c 'mysql -px a | mysql -py b'", "sh -c 'mysql -p[redacted] a | mysql -p[redacted] b'"),
        ("sh -c 'a --token x; sort --key 2'", "sh -c 'a --token [redacted]; sort --key [redacted]'"),
        ("curl -H 'Authorization: Basic abc=='", "curl -H 'Authorization: Basic [redacted]'"),
        ("curl -u me:x https://h", "curl -u me:[redacted] https://h"),
        (
            "sh -c \"curl -H 'Authorization: Bearer x' https://h\"",
            "sh -c \"curl -H 'Authorization: Bearer [redacted]' https://h\"",
        ),
        ("app --db 'Server=db;Pwd=x;Database=y'", "app --db 'Server=db;Pwd=[redacted];Database=y'"),
    ],
)
def test_the_rest_of_the_line_stays_as_it_is(line: str, told: str) -> None:
    assert redact(shlex.split(line)) == shlex.split(told)


def test_a_private_key_without_an_end_goes_to_the_end_of_its_argument() -> None:
    cut_off = "x -----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk and more"
    assert redact(["app", cut_off, "end"]) == ["app", "x " + REDACTED, "end"]


def test_what_stands_inside_quotes_ends_no_command() -> None:
    line = ["sh", "-c", "mysql -e 'select 1; select 2;' -phunter2 shop"]
    assert redact(line) == ["sh", "-c", f"mysql -e 'select 1; select 2;' -p{REDACTED} shop"]
    assert redact(["mysql", "-e", "select 1;", "-phunter2"]) == ["mysql", "-e", "select 1;", f"-p{REDACTED}"]


def test_a_command_after_a_secret_is_read_as_one() -> None:
    assert redact(["sh", "-c", "a --token x; mysql -phunter2"]) == [
        "sh",
        "-c",
        f"a --token {REDACTED}; mysql -p{REDACTED}",
    ]


def test_a_password_may_hold_what_separates_the_parts_of_an_address() -> None:
    assert redact(["postgres://me:p/w@x@host/db"]) == ["postgres://me:[redacted]@host/db"]


def test_a_value_that_is_an_option_is_not_taken_for_a_password_but_a_secret_with_a_dash_is() -> None:
    assert redact(["app", "--password", "-Zk3-x"]) == ["app", "--password", REDACTED]
    assert redact(["app", "--password", "--host", "h"]) == ["app", "--password", "--host", "h"]


def test_quotes_deeper_than_anybody_nests_them_go_altogether() -> None:
    line = "app --password deepest"
    for _ in range(8):
        line = "sh -c " + shlex.quote(line)
    assert "deepest" not in "".join(redact(shlex.split(line)))


def test_a_long_line_of_quotes_is_read_in_one_pass() -> None:
    # Nothing here may take time that grows with the square of the length: this would never end.
    for unit in (
        "'",
        '"',
        "\\",
        "a:",
        "://",
        "=",
        "-----BEGIN PRIVATE KEY-----",
        "x=,",
        '"a":',
        "eyJ",
        "a://b:",
        " 'a",
    ):
        assert redact(["app", "password " + unit * (100_000 // len(unit))])


WORDS = st.sampled_from(
    [
        *(
            "--password",
            "--token=x",
            "mysql",
            "-px",
            "sshpass",
            "-p",
            "curl",
            "-u",
            "a:b",
            "https://u:p@h/?token=a",
            "sh",
        ),
        *("-c", "'", '"', "\\", ";", "|", "&&", "{", "Bearer", "KEY=1", REDACTED, "sort", "--key", "$(mysql", "(mysql"),
        *("Pwd=a;b=c", "pass:x", "sudo", "://a:@", "x y", "A_TOKEN=b c", "Authorization: Basic x", '{"password": "x"}'),
        *("\n", "", OUR_KEY, JWT),
    ]
)
LINES = st.lists(st.one_of(WORDS, st.lists(WORDS, max_size=6).map(" ".join), st.text(max_size=20)), max_size=8)


@given(LINES)
def test_redacting_twice_is_redacting_once(line: list[str]) -> None:
    once = redact(line)
    assert redact(once) == once
    assert len(once) == len(line)


# What a generated password or token is made of. Blanks, quotes and what ends an address are the shell's own.
SECRETS = st.text(alphabet=string.ascii_letters + string.digits + "_-.+/=!%^*~", min_size=8, max_size=40)


@given(st.sampled_from(FORMS), SECRETS)
@example("app https://example.org/x?token={}", "aaaaaaaa=bbbbbbb")
@example("app postgres://user:{}@db.example.org:5432/shop", "s3cr/et-x@y")
def test_no_secret_survives_in_any_form(form: str, secret: str) -> None:
    assume(not LOOKS_LIKE_OPTION.match(secret) and secret not in form and len(set(secret)) > 4)
    assume("://" not in form or not re.match(r"\d{1,5}/", secret))  # that reads as a port and a path, by everybody
    assert secret not in "\n".join(redact(shlex.split(form.format(secret))))

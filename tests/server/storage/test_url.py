from pathlib import Path

import pytest

from compliance.errors import WrongUsage
from compliance.server.storage.url import MysqlURL, SqliteURL, parse_url


def test_three_slashes_are_a_relative_path_and_four_an_absolute_one() -> None:
    assert parse_url("sqlite:///compliance.db") == SqliteURL(Path("compliance.db"))
    assert parse_url("sqlite:////var/lib/compliance.db") == SqliteURL(Path("/var/lib/compliance.db"))


def test_a_path_may_hold_encoded_characters() -> None:
    assert parse_url("sqlite:////srv/my%20data/50%25%3F.db") == SqliteURL(Path("/srv/my data/50%?.db"))


def test_what_a_url_prints_is_read_as_the_same_url() -> None:
    for text in ("sqlite:////srv/my%20data/50%25%3F.db", "sqlite:///rel.db", "mysql://u@[::1]:3307/n"):
        assert parse_url(str(parse_url(text))) == parse_url(text)


@pytest.mark.parametrize("url", ["sqlite://compliance.db", "sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_sqlite_url_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(WrongUsage, match="SQLite URL"):
        parse_url(url)


def test_a_sqlite_url_takes_no_options() -> None:
    with pytest.raises(WrongUsage, match="takes no options"):
        parse_url("sqlite:////a.db?mode=ro")


def test_a_mysql_url_is_taken_apart() -> None:
    assert parse_url("mysql://ana:s3cret@db.example:3307/fleet") == MysqlURL(
        host="db.example", port=3307, user="ana", name="fleet", password="s3cret"
    )


def test_the_port_is_3306_when_it_is_left_out_and_mariadb_is_another_word_for_mysql() -> None:
    assert parse_url("mariadb://ana@db/fleet") == MysqlURL(host="db", port=3306, user="ana", name="fleet")


def test_user_password_and_name_are_percent_decoded() -> None:
    url = parse_url("mysql://a%40b:p%3A%2F%40%23%25%C3%A9+@db/fl%20eet")
    assert isinstance(url, MysqlURL)
    assert (url.user, url.password, url.name) == ("a@b", "p:/@#%é+", "fl eet")


def test_an_at_sign_in_the_password_needs_no_encoding() -> None:
    url = parse_url("mysql://ana:p@ss@db/fleet")
    assert isinstance(url, MysqlURL)
    assert (url.password, url.host) == ("p@ss", "db")


def test_an_ipv6_host_stands_in_brackets() -> None:
    url = parse_url("mysql://ana:x@[2001:db8::1]:3307/fleet")
    assert isinstance(url, MysqlURL)
    assert (url.host, url.port, url.place) == ("2001:db8::1", 3307, "[2001:db8::1]:3307/fleet")


def test_the_tls_options_are_read() -> None:
    url = parse_url("mysql://a@h/n?ssl-ca=/p/ca.pem&ssl-cert=/p/c.pem&ssl-key=/p/k.pem&ssl-verify=ca")
    assert isinstance(url, MysqlURL)
    assert (url.ssl_ca, url.ssl_cert, url.ssl_key, url.ssl_verify) == ("/p/ca.pem", "/p/c.pem", "/p/k.pem", "ca")


def test_the_name_in_the_certificate_is_checked_unless_it_is_said_otherwise() -> None:
    url = parse_url("mysql://a@h/n?ssl-ca=/p/ca.pem")
    assert isinstance(url, MysqlURL)
    assert url.ssl_verify == "identity"


def test_an_unknown_option_is_told_the_known_ones() -> None:
    with pytest.raises(WrongUsage, match="'charset'; known are ssl-ca, ssl-cert, ssl-key, ssl-verify"):
        parse_url("mysql://a@h/n?charset=utf8")


@pytest.mark.parametrize("options", ["ssl-verify=maybe", "ssl-key=/k.pem"])
def test_tls_options_that_make_no_sense_are_refused(options: str) -> None:
    with pytest.raises(WrongUsage, match="ssl-"):
        parse_url(f"mysql://a@h/n?{options}")


@pytest.mark.parametrize(
    "url", ["mysql://a@h", "mysql://a@h/", "mysql://a@h/n/m", "mysql://h/n", "mysql:///n", "mysql://a@/n"]
)
def test_a_mysql_url_needs_a_user_a_host_and_one_name(url: str) -> None:
    with pytest.raises(WrongUsage, match="mysql://user:password@host:port/name"):
        parse_url(url)


@pytest.mark.parametrize("url", ["", "fleet.db", "/var/lib/x.db", "postgres://a@h/n"])
def test_any_other_text_is_told_the_forms_that_exist(url: str) -> None:
    with pytest.raises(WrongUsage, match="sqlite:///relative.db"):
        parse_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ana:hunter2@db:port/n",
        "mysql://ana:hunter2/x@db/n",
        "mysql://ana:hunter2#@db/n",
        "mysql://ana:hunter2[@db/n",
        "mysql://ana:hunter2@db/n?nope=1",
        "mysql://ana:hunter2@db:99999/n",
        "mysql://ana:hunter2@db",
        "oracle://ana:hunter2@db/n",
    ],
)
def test_a_refusal_never_quotes_the_password(url: str) -> None:
    with pytest.raises(WrongUsage) as refusal:
        parse_url(url)
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_a_url_shows_no_password() -> None:
    url = parse_url("mysql://ana:hunter2@db/n")
    assert "hunter2" not in repr(url)
    assert str(url) == "mysql://ana:***@db:3306/n"

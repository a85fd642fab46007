"""TLS to a real server, with certificates of an authority of our own."""

import datetime
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from compliance.errors import ComplianceError, Refused, Unreachable
from compliance.server.storage.engine import open_store
from compliance.server.storage.mysql.connect import RDS, tls
from compliance.server.storage.url import MysqlURL, parse_url
from tests.mariadb import MariaDB, start_mariadb

SERVER = "db.example"


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    def __init__(self, folder: Path, label: str) -> None:
        self.folder = folder
        self.label = label
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.issue(label, self.key, authority=True)

    @property
    def ca(self) -> Path:
        return self.folder / f"{self.label}.pem"

    def issue(self, subject: str, key: ec.EllipticCurvePrivateKey | None = None, authority: bool = False) -> Path:
        """Writes SUBJECT.pem and SUBJECT.key; returns the certificate's path."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(self.label))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
        )
        certificate = builder.sign(self.key, hashes.SHA256())
        path = self.folder / f"{subject}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self.folder / f"{subject}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "ours")


@pytest.fixture(scope="module")
def server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    certificate = authority.issue(SERVER)
    key = authority.folder / f"{SERVER}.key"
    options = (f"--ssl-ca={authority.ca}", f"--ssl-cert={certificate}", f"--ssl-key={key}")
    with start_mariadb(tmp_path_factory.mktemp("mariadb"), *options) as server:
        yield server


def cipher(url: str) -> str:
    store = open_store(url)
    with store.session() as db:
        ((_, value),) = db.query("SHOW STATUS LIKE 'Ssl_cipher'")
    store.close()
    return str(value)


def test_a_certificate_of_the_given_authority_is_accepted(server: MariaDB, authority: Authority) -> None:
    assert cipher(server.url("fleet", f"?ssl-ca={authority.ca}&ssl-verify=ca"))


def test_a_certificate_for_another_name_is_refused_by_default(server: MariaDB, authority: Authority) -> None:
    with pytest.raises(Unreachable, match="(?i)certificate"):
        open_store(server.url("fleet", f"?ssl-ca={authority.ca}"))


def test_a_certificate_of_another_authority_is_refused(server: MariaDB, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    for verify in ("ca", "identity"):
        with pytest.raises(Unreachable, match="(?i)certificate"):
            open_store(server.url("fleet", f"?ssl-ca={stranger.ca}&ssl-verify={verify}"))


def test_checks_can_be_turned_off_and_the_connection_is_still_encrypted(server: MariaDB) -> None:
    assert cipher(server.url("fleet", "?ssl-verify=off"))


def test_without_options_tls_is_used_when_it_is_offered(server: MariaDB) -> None:
    assert cipher(server.url("fleet"))


def test_a_client_shows_its_own_certificate(server: MariaDB, authority: Authority) -> None:
    root = open_store(server.url("fleet"))
    with root.session() as db:
        db.execute("CREATE USER ana@'127.0.0.1' REQUIRE SUBJECT '/CN=ana'")
        db.execute("GRANT ALL ON fleet.* TO ana@'127.0.0.1'")
    root.close()
    certificate = authority.issue("ana")
    url = f"mysql://ana@127.0.0.1:{server.port}/fleet?ssl-ca={authority.ca}&ssl-verify=ca"
    with pytest.raises(Refused):
        open_store(url)
    assert cipher(f"{url}&ssl-cert={certificate}&ssl-key={authority.folder}/ana.key")


def test_tls_that_was_asked_for_is_never_left_out(tmp_path: Path) -> None:
    """A server without a certificate: a URL with an ssl option fails rather than sends in clear."""
    with start_mariadb(tmp_path / "plain") as plain, pytest.raises(ComplianceError, match="ssl options do not agree"):
        open_store(plain.url("fleet", "?ssl-verify=off"))


def test_the_roots_of_rds_are_roots_one_a_region_and_nothing_else() -> None:
    roots = x509.load_pem_x509_certificates(RDS.read_bytes())
    names = [root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value for root in roots]
    assert [
        name for name in names if not re.fullmatch(r"Amazon RDS [a-z]+-[a-z]+-\d Root CA RSA2048 G1", str(name))
    ] == []
    assert len(set(names)) == len(names) > 20
    for root in roots:
        root.verify_directly_issued_by(root)
        assert root.fingerprint(hashes.SHA256()).hex() in RDS.read_text()


def test_the_roots_of_rds_are_the_only_ones_that_rds_means() -> None:
    url = parse_url("mysql://ana@db.example/fleet?ssl-ca=rds")
    assert isinstance(url, MysqlURL)
    context = tls(url)
    assert context is not None
    assert context.cert_store_stats()["x509_ca"] == RDS.read_text().count("BEGIN CERTIFICATE")
    assert context.check_hostname


def test_a_server_that_is_not_of_rds_is_refused(server: MariaDB) -> None:
    with pytest.raises(Unreachable, match="(?i)certificate"):
        open_store(server.url("fleet", "?ssl-ca=rds&ssl-verify=ca"))

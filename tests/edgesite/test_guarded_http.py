"""The guarded client against real servers: what it reaches, what it refuses, and how long it waits."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edgesite.core.addresses import AllowList
from edgesite.guarded_http import GuardedError, request
from tests.servers.http import HttpReceiver, Says

LOCAL = AllowList.parse(["127.0.0.1", "hooks.example"])


def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def test_a_listed_host_gets_the_request_and_its_own_name() -> None:
    with HttpReceiver(lambda received: Says(201, {"X-Made": "yes"}, b"made")) as server:
        answer = request(
            "POST",
            f"http://hooks.example:{server.port}/a?b=c",
            allowed=LOCAL,
            body=b"{}",
            headers={"X-Own": "1"},
            resolve=here,
        )
    assert (answer.status, answer.headers["x-made"], answer.body) == (201, "yes", b"made")
    (received,) = server.received
    assert received.path == "/a?b=c"
    assert received.headers["host"] == f"hooks.example:{server.port}"
    assert (received.headers["x-own"], received.body) == ("1", b"{}")


def test_a_host_that_is_not_listed_is_not_even_looked_up() -> None:
    asked: list[str] = []

    def ask(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["93.184.216.34"]

    with pytest.raises(GuardedError) as caught:
        request("POST", "http://other.example/", allowed=LOCAL, resolve=ask)
    assert (caught.value.refused, caught.value.retryable, asked) == (True, False, [])


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "10.0.0.1", "0.0.0.0", "::1"])
def test_a_listed_name_does_not_lead_to_an_address_that_is_not(address: str) -> None:
    with pytest.raises(GuardedError) as caught:
        request(
            "POST",
            "http://hooks.example/",
            allowed=AllowList.parse(["hooks.example"]),
            resolve=lambda host, port: ["93.184.216.34", address],
        )
    assert caught.value.refused
    assert address in str(caught.value)


def test_a_name_that_changes_its_address_is_asked_once_and_that_answer_is_connected_to() -> None:
    """Rebinding: a second look-up would lead to the hub itself."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    with HttpReceiver() as server, socket.socket() as first:
        first.bind(("127.0.0.2", server.port))  # nobody listens there
        with pytest.raises(GuardedError) as caught:
            request(
                "POST",
                f"http://hooks.example:{server.port}/",
                allowed=AllowList.parse(["hooks.example", "127.0.0.2"]),
                resolve=rebinding,
            )
    assert asked == ["hooks.example"]
    assert (caught.value.retryable, server.received) == (True, [])


@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/inside", "http://169.254.169.254/latest/meta-data/"])
def test_a_redirect_is_an_answer_and_is_not_followed(target: str) -> None:
    with HttpReceiver() as inside:
        where = target.format(port=inside.port)
        with HttpReceiver(lambda received: Says(302, {"Location": where})) as server:
            answer = request("POST", server.url, allowed=AllowList.parse([f"127.0.0.1:{server.port}"]))
    assert answer.status == 302
    assert inside.received == []


@pytest.mark.parametrize(
    "says",
    [Says(drip=0.02), Says(raw=b"HTTP/1.1 200 OK\r\n", drip=0.02), Says(wait=threading.Event())],
    ids=["a byte at a time", "a header at a time", "silent"],
)
def test_one_deadline_bounds_everything(says: Says) -> None:
    with HttpReceiver(lambda received: says) as server:
        began = time.monotonic()
        with pytest.raises(GuardedError) as caught:
            request("POST", server.url, allowed=LOCAL, seconds=0.5)
        took = time.monotonic() - began
        if says.wait:
            says.wait.set()
    assert caught.value.retryable
    assert took < 1.5


def test_a_look_up_that_hangs_is_bounded_too() -> None:
    over = threading.Event()

    def hang(host: str, port: int) -> list[str]:
        over.wait(20)
        return ["127.0.0.1"]

    began = time.monotonic()
    with pytest.raises(GuardedError, match="time-out"):
        request("POST", "http://hooks.example/", allowed=LOCAL, seconds=0.3, resolve=hang)
    over.set()
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    "raw", [b"SSH-2.0-x\r\n", b"", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300]
)
def test_what_is_no_http_is_said(raw: bytes) -> None:
    with HttpReceiver(lambda received: Says(raw=raw or b"\r\n")) as server, pytest.raises(GuardedError) as caught:
        request("POST", server.url, allowed=LOCAL, seconds=2)
    assert caught.value.retryable


def test_a_large_answer_is_cut() -> None:
    with HttpReceiver(lambda received: Says(200, {}, b"x" * 300_000)) as server:
        assert len(request("POST", server.url, allowed=LOCAL).body) == 64 * 1024


def test_nobody_there_is_worth_another_try() -> None:
    with HttpReceiver() as server:
        url = server.url
    with pytest.raises(GuardedError) as caught:
        request("POST", url, allowed=LOCAL)
    assert (caught.value.retryable, caught.value.refused) == (True, False)


def certificate_for(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key: PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


def test_tls_goes_by_the_name_although_the_connection_goes_by_the_address(tmp_path: Path) -> None:
    certificate, key = certificate_for(tmp_path, "hooks.example")
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate, key)
    names: list[str | None] = []
    theirs.sni_callback = lambda sock, name, context: names.append(name)
    ours = ssl.create_default_context(cafile=str(certificate))
    with HttpReceiver(tls=theirs) as server:
        url = f"https://hooks.example:{server.port}/"
        assert request("POST", url, allowed=LOCAL, resolve=here, tls=ours).status == 204
        assert server.received[0].headers["host"] == f"hooks.example:{server.port}"
        other = AllowList.parse(["other.example", "127.0.0.1"])
        with pytest.raises(GuardedError, match="certificate"):  # a certificate of another name
            request("POST", url.replace("hooks", "other"), allowed=other, resolve=here, tls=ours)
        with pytest.raises(GuardedError, match="certificate"):  # nobody whom the system trusts signed it
            request("POST", url, allowed=LOCAL, resolve=here)
    assert names[0] == "hooks.example"

"""Authorities in a directory by their hashes: OpenSSL finds the one that it needs, and trusts no other."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from layers.authorities import main

NAMES = ["Plain", "Two  blanks , and  Commas ", "ÜBER Straße", "日本 Root  CA", "x" * 60]


@pytest.fixture(params=NAMES)
def authority(request: pytest.FixtureRequest) -> trustme.CA:
    return trustme.CA(organization_name=request.param)


@pytest.fixture
def port(authority: trustme.CA) -> Iterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)

    def _greet() -> None:
        connection, _ = listening.accept()
        with connection:
            try:
                with context.wrap_socket(connection, server_side=True) as secure:
                    secure.sendall(b"hello")
            except OSError:
                return  # the client didn't trust it

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)  # or a test that fails before it connects would never end
        thread = threading.Thread(target=_greet)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(60)


def greeting(port: int, directory: Path) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(capath=directory)
    with (
        socket.create_connection(("127.0.0.1", port), 10) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as secure,
    ):
        return secure.recv(5)


def laid_out(tmp_path: Path, *authorities: trustme.CA) -> Path:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"# a bundle has comments\n" + b"".join(one.cert_pem.bytes() for one in authorities))
    main(bundle, tmp_path / "authorities")
    return tmp_path / "authorities"


def test_the_authority_that_vouches_for_a_peer_is_found(authority: trustme.CA, port: int, tmp_path: Path) -> None:
    directory = laid_out(tmp_path, trustme.CA(), authority)
    assert greeting(port, directory) == b"hello"


def test_a_peer_that_none_of_them_vouches_for_is_not_trusted(port: int, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        greeting(port, laid_out(tmp_path, trustme.CA(), trustme.CA()))


def test_authorities_of_the_same_name_are_kept_apart(tmp_path: Path) -> None:
    same = [trustme.CA(organization_name="Same", organization_unit_name="Unit") for _ in range(3)]
    files = sorted(laid_out(tmp_path, *same).iterdir())
    assert [path.suffix for path in files] == [".0", ".1", ".2"]
    assert len({path.stem for path in files}) == 1

"""Lays a bundle of authorities out as a directory that OpenSSL looks into: python authorities.py BUNDLE DIRECTORY.

OpenSSL reads and decodes a whole bundle for every context or connection that loads it: 126 certificates, 17 ms of
a whole processor. In a directory it opens the one file that is named for the issuer it is looking for, as `openssl
rehash` names them (https://docs.openssl.org/master/man1/openssl-rehash/). The certificates are the same.
"""

import re
import ssl
import sys
from collections import Counter
from hashlib import sha1
from pathlib import Path

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_BLANKS = re.compile(r"[ \t\n\v\f\r]+")
_SEQUENCE, _SET, _UTF8, _VERSION, _LONG = 0x30, 0x31, 0x0C, 0xA0, 0x80
_ENCODINGS = {
    _UTF8: "utf-8",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
"""Of the types of strings that are compared by their text; others by their bytes."""


def main(bundle: Path, directory: Path) -> None:
    """One file for each certificate, named by its subject's hash and a number for those that share it."""
    directory.mkdir()
    taken: Counter[str] = Counter()
    for pem in _CERTIFICATE.findall(bundle.read_text()):
        name = subject_hash(ssl.PEM_cert_to_DER_cert(pem))
        (directory / f"{name}.{taken[name]}").write_text(f"{pem}\n")
        taken[name] += 1


def subject_hash(certificate: bytes) -> str:
    """As OpenSSL's `X509_NAME_hash_ex`: of the names alone, in a form that doesn't tell case and blanks apart."""
    ((_, whole),) = _elements(certificate)
    fields = [content for tag, content in _elements(_elements(whole)[0][1]) if tag != _VERSION]
    subject = fields[4]  # after serial number, algorithm, issuer and validity (RFC 5280, 4.1)
    canonical = b"".join(
        _element(_SET, b"".join(sorted(map(_part, _elements(parts))))) for _, parts in _elements(subject)
    )
    return sha1(canonical, usedforsecurity=False).digest()[3::-1].hex()


def _part(part: tuple[int, bytes]) -> bytes:
    """One attribute of a name, with its type and its text."""
    (kind, oid), (tag, value) = _elements(part[1])
    if tag in _ENCODINGS:
        text = _BLANKS.sub(" ", value.decode(_ENCODINGS[tag])).strip(" ")
        tag, value = _UTF8, text.encode().lower()  # of bytes: ASCII alone
    return _element(_SEQUENCE, _element(kind, oid) + _element(tag, value))


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """The elements that follow each other in DER, each with its tag."""
    found = []
    while data:
        length, start = data[1], 2
        if length & _LONG:
            start += length - _LONG
            length = int.from_bytes(data[2:start])
        found.append((data[0], data[start : start + length]))
        data = data[start + length :]
    return found


def _element(tag: int, content: bytes) -> bytes:
    if len(content) < _LONG:
        return bytes([tag, len(content)]) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes([tag, _LONG + len(size)]) + size + content


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""Cuts botocore's data down to what a client of these services reads: python service_data.py DIRECTORY SERVICE...

A client reads the endpoints of every service that AWS has, and its service's model with the text of its documentation.
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any


def main(data: Path, services: frozenset[str]) -> None:
    """Write plain JSON: what is left is small, and nothing is unpacked at a cold start."""
    endpoints = data / "endpoints.json"
    document = json.loads(endpoints.read_text())
    for partition in document["partitions"]:
        partition["services"] = {name: value for name, value in partition["services"].items() if name in services}
    _write(endpoints, document)
    for packed in data.rglob("service-2.json.gz"):
        _write(packed.with_suffix(""), _undocumented(json.loads(gzip.decompress(packed.read_bytes()))))
        packed.unlink()


def _undocumented(model: Any) -> Any:
    """The model without the texts; a member of a shape may have that name, and is kept."""
    match model:
        case dict():
            return {
                name: _undocumented(value)
                for name, value in model.items()
                if not (name == "documentation" and isinstance(value, str))
            }
        case list():
            return [_undocumented(value) for value in model]
        case _:
            return model


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, separators=(",", ":")))


if __name__ == "__main__":
    main(Path(sys.argv[1]), frozenset(sys.argv[2:]))

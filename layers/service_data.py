"""Cuts botocore's data down to what these operations need: python service_data.py DIRECTORY SERVICE:OPERATION...

A client reads the endpoints of every service that AWS has, the rules of its own endpoints, and its service's model: the
shapes of all operations, with the text of their documentation.
"""

import gzip
import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

_READ = ("endpoint-rule-set-1.json", "service-2.json", "service-2.sdk-extras.json")
"""What a client reads; paginators, waiters and examples are for other calls."""
_AS_IT_IS = {"AttributeValue": {"type": "structure", "members": {}, "document": True}}
"""DynamoDB's values, which botocore would copy member by member at every call: the code writes and reads texts, numbers
and booleans, which are in the JSON as they are in the parameters. Only bytes would have to be changed."""


def main(data: Path, operations: Mapping[str, Collection[str]]) -> None:
    """Write plain JSON: what is left is small, and nothing is unpacked at a cold start."""
    endpoints = data / "endpoints.json"
    document = json.loads(endpoints.read_text())
    for partition in document["partitions"]:
        partition["services"] = {name: value for name, value in partition["services"].items() if name in operations}
    _write(endpoints, document)
    for service, names in operations.items():
        *older, latest = sorted(path for path in (data / service).iterdir() if path.is_dir())
        for path in older:
            shutil.rmtree(path)
        _reduce(latest, names)


def _reduce(version: Path, operations: Collection[str]) -> None:
    for path in list(version.iterdir()):
        name = path.name.removesuffix(".gz")
        content = path.read_bytes()
        path.unlink()
        if name in _READ:
            document = json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)
            _write(version / name, needed(document, operations) if name == "service-2.json" else document)


def needed(model: dict[str, Any], operations: Collection[str]) -> dict[str, Any]:
    """The model with these operations and the shapes that they lead to, without texts. KeyError: no such operation."""
    kept = {name: model["operations"][name] for name in sorted(operations)}
    shapes: dict[str, Any] = {}
    waiting = list(_references(kept))
    while waiting:
        name = waiting.pop()
        if name not in shapes:
            shapes[name] = _AS_IT_IS.get(name) or model["shapes"][name]
            waiting += _references(shapes[name])
    ordered = {name: shapes[name] for name in model["shapes"] if name in shapes}
    found: dict[str, Any] = _undocumented({**model, "operations": kept, "shapes": ordered})
    return found


def _references(value: Any) -> Iterator[str]:
    """The names of shapes that are referred to."""
    match value:
        case {"shape": str(name)}:
            yield name
        case dict():
            for part in value.values():
                yield from _references(part)
        case list():
            for part in value:
                yield from _references(part)


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
    wanted = defaultdict(set)
    for argument in sys.argv[2:]:
        service, _, operation = argument.partition(":")
        wanted[service].add(operation)
    main(Path(sys.argv[1]), wanted)

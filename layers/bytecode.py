"""Writes a tar of the bytecode for the modules below a directory; run it with the Python that Lambda runs.

python bytecode.py DIRECTORY PREFIX: PREFIX is where the directory's content will lie on Lambda, for tracebacks.
Unchecked hashes: sam packages files with the date 1980, and bytecode that is checked by date would be thrown away.
"""

import ast
import io
import marshal
import sys
import tarfile
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path

_UNCHECKED_HASH = (0b01).to_bytes(4, "little")
"""PEP 552's flags: identified by the source's hash, which isn't compared when the module is imported."""

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def main(directory: Path, prefix: str) -> None:
    """The same input gives the same bytes, where PYTHONHASHSEED is set."""
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
        for path in sorted(directory.rglob("*.py")):
            name = path.relative_to(directory).as_posix()
            content = bytecode(path.read_bytes(), f"{prefix}/{name}")
            member = tarfile.TarInfo(cache_from_source(name, optimization=""))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def bytecode(source: bytes, path: str) -> bytes:
    """A .pyc file without docstrings, which nobody reads on Lambda; asserts stay, unlike with -OO.

    A class with a decorator keeps its own: for a dataclass without one, a text is made of its signature at each start.
    """
    tree = ast.parse(source, path)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.decorator_list:
            continue
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.copy_location(ast.Pass(), node.body[0])]
    code = compile(tree, path, "exec", dont_inherit=True, optimize=0)
    return MAGIC_NUMBER + _UNCHECKED_HASH + source_hash(source) + marshal.dumps(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

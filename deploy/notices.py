"""The licences of what the layer bundles, as their packages bring them."""

import re
from email.parser import HeaderParser
from pathlib import Path
from typing import NamedTuple

from cli.outcome import TroubleError
from local.build import ROOT

_HEAD = """The layer of dependencies bundles the packages below, cut down to what is used, each under its own licence.
botocore's list of certificate authorities is Mozilla's, under the Mozilla Public License 2.0 (https://mozilla.org/MPL/2.0/).
"""
_SUPPLIED = ROOT / "layers/dependencies/licenses"
"""The licences of packages whose wheel has none, from their source."""
_LICENCE = re.compile(r"(LICEN[CS]E|NOTICE|COPYING).*", re.IGNORECASE)


class Bundled(NamedTuple):
    """A package in the layer, with the texts of its licence and notices."""

    name: str
    version: str
    texts: list[str]


def bundled(layer: Path) -> list[Bundled]:
    """Every package in the built layer. Raises TroubleError for one without a licence's text."""
    return [_package(folder) for folder in sorted((layer / "python").glob("*.dist-info"))]


def notices(packages: list[Bundled]) -> str:
    """One text for all."""
    parts = [f"{'=' * 80}\n{one.name} {one.version}\n{'=' * 80}\n\n" + "\n\n".join(one.texts) for one in packages]
    return "\n\n".join([_HEAD, *parts]) + "\n"


def _package(folder: Path) -> Bundled:
    metadata = HeaderParser().parsestr((folder / "METADATA").read_text())
    name, version = metadata["Name"], metadata["Version"]
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and _LICENCE.fullmatch(file.name)]
    files += [file for file in [_SUPPLIED / f"{name.lower()}.txt"] if file.exists()]
    if not any("NOTICE" not in file.name.upper() for file in files):
        raise TroubleError(f"{name} {version} brings no licence's text; put it at {_SUPPLIED.relative_to(ROOT)}/.")
    return Bundled(name, version, [file.read_text().strip() for file in files])

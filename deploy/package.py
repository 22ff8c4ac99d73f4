"""`make package`: a folder that installs the service without this repository.

The same sources, with the same Python for the bytecode, give the same bytes.
"""

import hashlib
import re
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path

from cli.outcome import Exit, TroubleError
from deploy.notices import bundled, notices
from local.build import ROOT, build
from local.errors import LocalError, run
from local.lock import alone
from local.task import end_at_signals

_ONE_AT_A_TIME = ROOT / ".local/package.lock"
_SBOM = ROOT / ".tools/sbom/bin/cyclonedx-py"
_ARTIFACT = re.compile(r"^( +(?:CodeUri|ContentUri): )(\w+)$", re.MULTILINE)
_BESIDE = re.compile(r"^( +(?:LicenseUrl|ReadmeUrl): ).*/([^/\n]+)$", re.MULTILINE)
_COPIED = ("LICENSE", "README.md", "samconfig.toml")
_THE_ZIPS_DATE = (1980, 1, 1, 0, 0, 0)
_INSTALL = """# Installing

First, at feee.io: if the key has a User-Agent allow-list, enter there: Feee.io Client/1.0.0 (https://feee.io)

Then, with SAM CLI and credentials of your account, in this folder (samconfig.toml has the defaults; --guided would ask
for each parameter):

    sha256sum --check SHA256SUMS
    sam deploy

At the end put feee.io's key, as {"key": "..."} in a file, into the secret that the output FeeeKeySecretArn names:

    aws secretsmanager put-secret-value --secret-id <FeeeKeySecretArn> --secret-string file://key.json

README.md has the rest. What it links to is in the repository. Keep files of your own elsewhere: `make package` of the
same version replaces this folder.

To publish it in the Serverless Application Repository, with a bucket that it may read:

    sam package --template-file template.yaml --s3-bucket <bucket> --output-template-file packaged.yaml
    sam publish --template packaged.yaml
"""


def package(built: Path, to: Path) -> None:
    """Write a build's release into a folder, in the place of the one before. Raises TroubleError, LocalError, OSError.

    It is written beside that, and moved when it is whole: if it can't be written, the one before stays. What one that
    was killed left is put back or removed by the next. One at a time.
    """
    before, new = (to.with_name(f".{to.name}.{which}") for which in ("before", "new"))
    _tidy(to, before, new)
    try:
        new.mkdir(parents=True)
        _write(built, new)
        if to.exists():
            to.rename(before)
        new.rename(to)
    finally:
        _tidy(to, before, new)


def _tidy(to: Path, before: Path, new: Path) -> None:
    """Put the release before back if none took its place, and remove what is left, as far as that can be done."""
    if before.exists() and not to.exists():
        before.rename(to)
    for left in (before, new):
        shutil.rmtree(left, ignore_errors=True)


def _write(built: Path, to: Path) -> None:
    template = (built / "template.yaml").read_text()
    for artifact in {found[2] for found in _ARTIFACT.finditer(template)}:
        _zip(built / artifact, to / f"{artifact}.zip")
    (to / "template.yaml").write_text(_BESIDE.sub(r"\1\2", _ARTIFACT.sub(r"\1\2.zip", template)))
    for name in _COPIED:
        shutil.copyfile(ROOT / name, to / name)
    (to / "INSTALL.md").write_text(_INSTALL)
    (to / "NOTICES.txt").write_text(notices(bundled(built / "DependenciesLayer")))
    _write_sbom(to / "sbom.cdx.json")
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(to.iterdir())]
    (to / "SHA256SUMS").write_text("".join(sums))


def version() -> str:
    """The project's."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def _zip(folder: Path, to: Path) -> None:
    """Zip a folder, readable for Lambda, whoever made the files."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(file.relative_to(folder)), _THE_ZIPS_DATE)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


def _write_sbom(to: Path) -> None:
    """CycloneDX, of what the layer's lock file names."""
    lock = ROOT / "layers/dependencies/requirements.txt"
    options = ["--pyproject", str(ROOT / "pyproject.toml"), "--short-PURLs", "--output-reproducible"]
    command = [str(_SBOM), "requirements", *options, "--output-file", str(to), str(lock)]
    run(command, cwd=ROOT, env={})


def main() -> int:
    """The exit status. SIGTERM and SIGHUP are as Ctrl-C."""
    end_at_signals()
    to = ROOT / "dist" / f"feee-cancel-{version()}"
    try:
        with alone(_ONE_AT_A_TIME):
            package(build().parent, to)
    except (TroubleError, LocalError, OSError) as error:
        print(error, file=sys.stderr)
        return Exit.TROUBLE
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return Exit.INTERRUPTED
    print(f"Written: {to.relative_to(ROOT)}; its INSTALL.md says how to install and publish it.")
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main())

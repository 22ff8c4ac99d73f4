"""`make package`: a release that SAM reads, whose checksums hold, and that has every bundled package's licence."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.outcome import Exit, TroubleError
from deploy import package as packaging
from deploy.notices import bundled, notices
from deploy.package import package, version
from local.build import SAM, build
from local.errors import LocalError
from tests.template import ROOT, TEMPLATE


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    subprocess.run(["make", "-s", ".tools/sbom/ready"], cwd=ROOT, check=True)
    folder = tmp_path_factory.mktemp("release") / "feee-cancel"
    package(build().parent, folder)
    return folder


def test_every_file_has_its_checksum(release: Path) -> None:
    sums = dict(line.split("  ")[::-1] for line in (release / "SHA256SUMS").read_text().splitlines())
    files = {file.name: file for file in release.iterdir() if file.name != "SHA256SUMS"}
    assert sums == {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}


def test_the_template_names_what_is_beside_it(release: Path) -> None:
    text = (release / "template.yaml").read_text()
    named = re.findall(r"(?:CodeUri|ContentUri|LicenseUrl|ReadmeUrl): (.*)", text)
    assert len(named) == 9
    assert [name for name in named if not (release / name).is_file()] == []
    environment = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1", "PATH": "/usr/bin:/bin"}
    command = [str(SAM), "validate", "--template-file", "template.yaml", "--lint"]
    done = subprocess.run(command, cwd=release, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_artifacts_hold_what_was_built_and_lambda_may_read_it(release: Path) -> None:
    built = build().parent
    for archive in release.glob("*.zip"):
        with zipfile.ZipFile(archive) as opened:
            files = {
                str(path.relative_to(built / archive.stem))
                for path in (built / archive.stem).rglob("*")
                if path.is_file()
            }
            assert set(opened.namelist()) == files
            assert {info.external_attr >> 16 for info in opened.infolist()} == {0o644}
            assert {info.date_time for info in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_build_gives_the_same_bytes(release: Path, tmp_path: Path) -> None:
    package(build().parent, tmp_path / "again")
    assert (tmp_path / "again/SHA256SUMS").read_text() == (release / "SHA256SUMS").read_text()


@pytest.mark.parametrize(
    ("trouble", "status", "words"),
    [
        (KeyboardInterrupt(), Exit.INTERRUPTED, "\nInterrupted.\n"),
        (LocalError("cyclonedx-py failed"), Exit.TROUBLE, "cyclonedx-py failed\n"),
        (OSError(28, "No space left on device"), Exit.TROUBLE, "[Errno 28] No space left on device\n"),
    ],
    ids=["Ctrl-C", "a tool that fails", "a full disk"],
)
def test_a_release_that_is_broken_off_leaves_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    trouble: BaseException,
    status: Exit,
    words: str,
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise trouble

    for name in ("pyproject.toml", "LICENSE", "README.md", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path)
    before = tmp_path / f"dist/feee-cancel-{version()}/SHA256SUMS"
    before.parent.mkdir(parents=True)
    before.write_text("of before\n")
    built = build()
    monkeypatch.setattr(packaging, "build", lambda: built)
    monkeypatch.setattr(packaging, "ROOT", tmp_path)
    monkeypatch.setattr(packaging, "_ONE_AT_A_TIME", tmp_path / "lock")
    monkeypatch.setattr(packaging, "end_at_signals", lambda: None)
    monkeypatch.setattr(packaging, "run", fails)
    assert (packaging.main(), capsys.readouterr().err) == (status, words)
    assert [*(tmp_path / "dist").rglob("*")] == [before.parent, before]
    assert before.read_text() == "of before\n"


@pytest.fixture
def releases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], list[str]]:
    """Makes a release of one file, and says what is in its folder's folder then."""

    def write(name: str) -> list[str]:
        monkeypatch.setattr(packaging, "_write", lambda _, release: (release / name).touch())
        try:
            package(tmp_path, tmp_path / "dist/release")
        except (KeyboardInterrupt, OSError) as trouble:
            print(f"broken off: {trouble!r}")
        return sorted(str(file.relative_to(tmp_path)) for file in (tmp_path / "dist").rglob("*") if file.is_file())

    return write


def test_a_release_takes_the_place_of_the_one_before(releases: Callable[[str], list[str]], tmp_path: Path) -> None:
    for name in ("first", "second"):
        assert releases(name) == [f"dist/release/{name}"]
    assert [*(tmp_path / "dist").iterdir()] == [tmp_path / "dist/release"]


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=repr)
@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("before", [["dist/release/first"], []])
def test_a_release_that_cannot_take_its_place_leaves_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
    releases: Callable[[str], list[str]],
    capsys: pytest.CaptureFixture[str],
    trouble: BaseException,
    before: list[str],
    *,
    moved: bool,
) -> None:
    rename = Path.rename

    def broken_off(path: Path, target: Path) -> None:
        assert path.parent == target.parent, "no other file system"
        is_new = path.name.endswith(".new")
        if moved or not is_new:
            rename(path, target)
        if is_new:
            raise trouble

    if before:
        releases("first")
    monkeypatch.setattr(Path, "rename", broken_off)
    assert releases("second") == (["dist/release/second"] if moved else before)
    assert capsys.readouterr().out == f"broken off: {trouble!r}\n"


@pytest.mark.parametrize(("third", "there"), [("third", "third"), ("no/such/folder", "first")])
def test_what_a_killed_one_left_is_put_back_or_removed_by_the_next(
    monkeypatch: pytest.MonkeyPatch, releases: Callable[[str], list[str]], tmp_path: Path, third: str, there: str
) -> None:
    dist, rename = tmp_path / "dist", Path.rename

    def killed(path: Path, target: Path) -> None:
        if target.name == "release":
            raise KeyboardInterrupt  # and again while the one before is put back
        rename(path, target)

    releases("first")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killed)
        assert "dist/release/first" not in releases("second")
    (dist / ".release.new").mkdir(exist_ok=True)
    (dist / ".release.new/half").touch()
    assert releases(third) == [f"dist/release/{there}"]


def test_a_release_before_that_cannot_be_removed_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, releases: Callable[[str], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    releases("first")
    monkeypatch.setattr(os, "unlink", denied)
    assert "dist/release/second" in releases("second")
    assert not capsys.readouterr().out


def test_one_is_made_at_a_time_once_signals_are_heeded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lock, done = tmp_path / "lock", list[str]()

    def alone(what: str) -> None:
        with lock.open() as another, pytest.raises(BlockingIOError):
            fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
        done.append(what)

    def built() -> Path:
        alone("built")
        return tmp_path / "template.yaml"

    monkeypatch.setattr(packaging, "ROOT", tmp_path)
    monkeypatch.setattr(packaging, "_ONE_AT_A_TIME", lock)
    monkeypatch.setattr(packaging, "version", lambda: "1")
    monkeypatch.setattr(packaging, "end_at_signals", lambda: done.append("signals end it"))
    monkeypatch.setattr(packaging, "build", built)
    monkeypatch.setattr(packaging, "package", lambda *_: alone("packaged"))
    assert packaging.main() is Exit.DONE
    assert done == ["signals end it", "built", "packaged"]


def test_every_bundled_package_has_its_licence_and_is_in_the_sbom(release: Path) -> None:
    packages = bundled(build().parent / "DependenciesLayer")
    sbom = json.loads((release / "sbom.cdx.json").read_text())
    assert sbom["bomFormat"] == "CycloneDX"
    assert sbom["metadata"]["component"]["version"] == version()
    components = {(one["name"].lower(), one["version"]) for one in sbom["components"]}
    assert {(one.name.lower().replace("_", "-"), one.version) for one in packages} == components
    text = (release / "NOTICES.txt").read_text()
    for one in packages:
        assert f"{one.name} {one.version}\n" in text
        assert re.search(
            r"Permission is hereby granted|Apache License|PYTHON SOFTWARE FOUNDATION|MIT No Attribution",
            "".join(one.texts),
        )


def test_a_package_without_a_licence_stops_it(tmp_path: Path) -> None:
    folder = tmp_path / "python/odd-1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Name: odd\nVersion: 1\n")
    (folder / "NOTICE").write_text("not a licence")
    with pytest.raises(TroubleError, match="odd 1 brings no licence's text"):
        bundled(tmp_path)
    (folder / "LICENSE").write_text("Do as you like.")
    assert "odd 1\n" in notices(bundled(tmp_path))


def test_the_metadata_is_what_the_serverless_application_repository_asks_for() -> None:
    """AWS SAM template Metadata section properties (SAM's guide)."""
    about = TEMPLATE["Metadata"]["AWS::ServerlessRepo::Application"]
    assert re.fullmatch(r"[a-zA-Z0-9\-]{1,140}", about["Name"])
    assert 0 < len(about["Description"]) <= 256
    assert re.fullmatch(r"[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?", about["Author"])
    assert (about["SpdxLicenseId"], about["SemanticVersion"]) == ("Apache-2.0", version())
    assert len(about["Labels"]) <= 10
    assert all(re.fullmatch(r"[a-zA-Z0-9+\-_:/@]{1,127}", label) for label in about["Labels"])
    assert {about["LicenseUrl"], about["ReadmeUrl"]} <= {path.name for path in ROOT.iterdir()}

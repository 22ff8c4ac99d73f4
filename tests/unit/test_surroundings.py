"""The environment of what runs on this machine: the user's, but for AWS settings, and past the proxy to loopback."""

import pytest

from local.errors import last_lines, surroundings


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": ".corp"}, ".corp,127.0.0.1,localhost"),
        ({"no_proxy": ".corp", "NO_PROXY": "other"}, ".corp,127.0.0.1,localhost"),
    ],
)
def test_loopback_is_reached_without_the_users_proxy(
    given: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**given, "HTTPS_PROXY": "http://proxy.corp"}.items():
        monkeypatch.setenv(name, value)
    found = surroundings({})
    assert (found["NO_PROXY"], found["no_proxy"]) == (expected, expected)
    assert found["HTTPS_PROXY"] == "http://proxy.corp", "packages are installed through it"


def test_nothing_of_the_users_aws_settings_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as changed:
        for name in ("AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_REGION", "POWERTOOLS_METRICS_DISABLED"):
            changed.setenv(name, "the user's")
        found = surroundings({"AWS_REGION": "here"})
    assert {name: value for name, value in found.items() if name.startswith(("AWS_", "POWERTOOLS_"))} == {
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "here",
    }


def test_of_a_long_output_the_end_is_shown() -> None:
    assert last_lines("".join(f"{number}\n" for number in range(100)) + "\n\n").split("\n") == [
        *map(str, range(70, 100))
    ]

"""A wrong setting says what is wrong."""

import os
from dataclasses import asdict

import pytest

from feee_cancel.adapters.feee_client import FeeeClient
from feee_cancel.adapters.settings import SettingError, Settings
from feee_cancel.bootstrap.cancelling import bootstrap
from feee_cancel.domain.decision import Backoff, Policy


def test_the_template_has_the_default_of_every_time() -> None:
    assert Settings(os.environ).policy() == Policy()


def test_every_time_can_be_set() -> None:
    times = {name: value for name, value in os.environ.items() if name.endswith(("SECONDS", "DAYS", "BACKOFF"))}
    others = {name: "17-19" if name.endswith("BACKOFF") else "17" for name in times}
    policy = Settings(os.environ | others | {"REJECT_AFTER_REFUSALS": "17"}).policy()
    assert [name for name, value in asdict(policy).items() if value == getattr(Policy(), name)] == []
    assert set(policy.backoff.values()) == {Backoff(17, 19)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TABLE_NAME", ""),
        ("RETENTION_DAYS", "-1"),
        ("MARGIN_SECONDS", "5s"),
        ("REFUSED_BACKOFF", "15"),
        ("REFUSED_BACKOFF", "20-15"),
        ("REFUSED_BACKOFF", "0-15"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        bootstrap({**os.environ, name: value})


@pytest.mark.parametrize(
    "url",
    ["http://feee.io/open", "ftp://feee.io", "feee.io/open", "", "http://10.0.0.1/open", "http://localhost.evil/"],
)
def test_feee_io_is_spoken_to_over_https_alone(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        FeeeClient(url, user_agent="x", key=lambda *, refresh=False: "key")


@pytest.mark.parametrize(
    "url", ["https://feee.io/open", "http://127.0.0.1:1/open", "http://[::1]/open", "http://localhost"]
)
def test_plain_http_is_for_this_machine(url: str) -> None:
    FeeeClient(url, user_agent="x", key=lambda *, refresh=False: "key")

"""A wrong setting says what is wrong."""

import os

import pytest

from feee_cancel.adapters.feee import FeeeClient
from feee_cancel.adapters.settings import SettingError, Settings


def test_the_settings_are_read() -> None:
    settings = Settings.read(os.environ)
    assert (settings.table_name, settings.margin_seconds, settings.kept_for_seconds) == ("cancellations", 5, 34_560_000)


@pytest.mark.parametrize(("name", "value"), [("TABLE_NAME", ""), ("RETENTION_DAYS", "-1"), ("MARGIN_SECONDS", "5s")])
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        Settings.read(dict(os.environ) | {name: value})


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

"""A wrong setting says what is wrong."""

import os
import re
from dataclasses import asdict, replace

import pytest

from feee_cancel.adapters.feee_client import FeeeClient
from feee_cancel.adapters.settings import SettingError, Settings
from feee_cancel.adapters.tuning import BACKOFFS, OTHERS, POLICY, Tuning, TuningError, tuned, tuning
from feee_cancel.bootstrap.cancelling import bootstrap
from feee_cancel.domain.decision import Backoff, Policy
from tests.template import TEMPLATE


def test_the_template_has_the_default_of_every_time() -> None:
    assert tuned(Settings(os.environ)) == Tuning(Policy())


def test_every_time_can_be_set() -> None:
    numbers = {name: least + 7 for name, (_, least, _) in {**POLICY, **OTHERS}.items()}
    parts = [*(f"{name}={number}" for name, number in numbers.items()), *(f"{name}=17-19" for name in BACKOFFS)]
    found = tuned(Settings(os.environ | {"TUNING": ",".join(parts), "RETENTION_DAYS": "17"}))
    policy = found.policy
    assert [name for name, value in asdict(policy).items() if value == getattr(Policy(), name)] == []
    assert set(policy.backoff.values()) == {Backoff(17, 19)}
    assert (found.jitter_percent, found.drain_pace, found.drain_seconds) == (7, 8, 12)


def test_what_isnt_named_has_its_default() -> None:
    assert tuning("MarginSeconds=10,") == Tuning(replace(Policy(), margin=10))


PATTERN = re.compile(TEMPLATE["Parameters"]["Tuning"]["AllowedPattern"])


@pytest.mark.parametrize("name", [*POLICY, *OTHERS])
def test_the_template_accepts_each_number_by_its_name(name: str) -> None:
    assert PATTERN.fullmatch(f"{name}=5,{name}=100")
    assert not PATTERN.fullmatch(f"{name}=5-60")
    assert not PATTERN.fullmatch(f"{name}=")
    assert not PATTERN.fullmatch(f"{name}=5{name}=6")


@pytest.mark.parametrize("name", BACKOFFS)
def test_the_template_accepts_each_backoff_by_its_name(name: str) -> None:
    assert PATTERN.fullmatch(f"{name}=5-60")
    assert not PATTERN.fullmatch(f"{name}=5")


def test_the_template_knows_no_other_part() -> None:
    assert set(re.findall(r"[A-Z][A-Za-z]+", PATTERN.pattern)) == {*POLICY, *OTHERS, *BACKOFFS}
    assert PATTERN.fullmatch("")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Margin=5", "'Margin' isn't one of MinAgeSeconds"),
        ("MarginSeconds", "MarginSeconds must be a whole number from 0 to 300"),
        ("MarginSeconds=301", "from 0 to 300, not '301'"),
        ("MarginSeconds=²", "must be a whole number"),
        ("JitterPercent=101", "JitterPercent must be a whole number from 0 to 100"),
        ("RefusedBackoff=15", "RefusedBackoff must be seconds such as 5-60"),
        ("RefusedBackoff=20-15", "RefusedBackoff must be seconds"),
        ("RefusedBackoff=0-15", "RefusedBackoff must be seconds"),
    ],
)
def test_a_wrong_part_is_named(text: str, words: str) -> None:
    with pytest.raises(TuningError, match=re.escape(words)):
        tuning(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [("TABLE_NAME", ""), ("RETENTION_DAYS", "-1"), ("TUNING", "DrainPace=11"), ("TUNING", "RefusedBackoff=15")],
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

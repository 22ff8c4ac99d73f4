"""What every test of the deployed service has in common."""

from collections.abc import Iterator
from operator import attrgetter

import pytest

from feee_cancel_client.api import ApiClient
from tests.starved import again_if_starved


@pytest.fixture(scope="module", autouse=True)
def _calls_are_made_again_if_starved() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ApiClient, "call", again_if_starved(ApiClient.call, attrgetter("status")))
        yield

"""What every test of the deployed service has in common."""

from collections.abc import Iterator
from operator import attrgetter

import pytest

from feee_cancel_client.api import ApiClient
from tests.patience import patient


@pytest.fixture(scope="module", autouse=True)
def _calls_are_patient() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ApiClient, "call", patient(ApiClient.call, attrgetter("status")))
        yield

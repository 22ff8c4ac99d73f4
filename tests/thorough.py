"""How many generated cases are played: a tenth in `make test`; all in `make test-long` and the nightly profile."""

from hypothesis import settings

_PROFILE = settings.get_current_profile_name()
THOROUGH = _PROFILE in {"thorough", "nightly"}


def cases(number: int) -> int:
    """So many in `make test-long`, and 2,000 at least in the nightly profile."""
    return max(number, 2_000) if _PROFILE == "nightly" else number if THOROUGH else number // 10

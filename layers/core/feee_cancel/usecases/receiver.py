"""The application behind the webhook: signed requests are written for the drain, and it is woken."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from feee_cancel.domain.cancellation import Cancellation
from feee_cancel.domain.documents import CancellationRequest, parse_json
from feee_cancel.usecases.enqueue import deduplicate, enqueue, wake_for
from feee_cancel.usecases.ports import Handler, Intake


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """What the webhook's function calls. `verified` gives the id of a message that is signed, or raises NotSignedError.

    `published` wraps a handler, so that its metrics are written.
    """

    intake: Intake
    verified: Callable[[Mapping[str, Sequence[str]], bytes], str]
    published: Callable[[Handler], Handler]

    def receive(self, headers: Mapping[str, Sequence[str]], body: bytes) -> Cancellation | None:
        """Write a signed request document for the drain; a redelivery changes nothing.

        Returns the row as it now stands, None if it is gone. Raises NotSignedError, InvalidRequestError,
        SecretUnavailableError and TableUnavailableError; then nothing was accepted.
        """
        message = f"webhook:{self.verified(headers, body)}"
        asked = CancellationRequest.parse(parse_json(body), now=self.intake.now())

        def _enqueue() -> Cancellation:
            row = enqueue(asked, self.intake, requested_by=message)
            wake_for([row], self.intake)
            return row

        return deduplicate(message, self.intake, _enqueue) or self.intake.cancellations.find(asked.order_no)

"""The application behind the webhook: signed requests are written for the drain, and it is woken."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from feee_cancel.domain.cancellation import Cancellation
from feee_cancel.domain.documents import CancellationRequest, parse_json
from feee_cancel.domain.times import SENT_AGAIN
from feee_cancel.usecases.enqueue import deduplicate, enqueue, wake_for
from feee_cancel.usecases.ports import Handler, Intake
from feee_cancel.usecases.repeats import are_asked, unless_past


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
        document, now = parse_json(body), self.intake.now()
        asked = unless_past(
            lambda earliest: CancellationRequest.parse(document, now=now, earliest=earliest),
            lambda asked: self.intake.messages.seen(message) or are_asked([asked], self.intake),
            earliest=now - SENT_AGAIN,
        )

        def _enqueue() -> Cancellation:
            row = enqueue(asked, self.intake, requested_by=message)
            wake_for([row], self.intake)
            return row

        return deduplicate(message, self.intake, _enqueue) or self.intake.cancellations.find(asked.order_no)

"""The application behind the webhook: signed requests are written for the drain, and it is woken."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from feee_cancel.domain.cancellation import Cancellation
from feee_cancel.domain.documents import CancellationRequest, parse_json, unless_past
from feee_cancel.domain.times import SENT_AGAIN
from feee_cancel.usecases.enqueue import deduplicate, enqueue, of_known_state
from feee_cancel.usecases.ports import Handler, Intake
from feee_cancel.usecases.request import are_asked, wake_for

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedMessage:
    """A webhook's message: who signed it (None: a sender without a name), its id, and when it was sent (unix seconds).

    A message that is sent again has the same id, and the time at which it was sent again.
    """

    sender: str | None
    id: str
    sent_at: int

    @property
    def requested_by(self) -> str:
        """The sender and the message, as the row keeps them."""
        return f"webhook:{self.sender}:{self.id}" if self.sender else f"webhook:{self.id}"

    @property
    def asker(self) -> str | None:
        """Whose share of the drain it uses, if the message's id alone doesn't say: an id may look like a sender."""
        return f"webhook:{self.sender}" if self.sender else None

    def identity(self, order_no: str) -> str:
        """The same for two deliveries of it, different for two messages: ids are unique to a sender at best."""
        return f"webhook:{self.sender or ''}:{self.id}:{order_no}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """What the webhook's function calls. `verified` gives the message that is signed, or raises NotSignedError.

    `published` wraps a handler, so that its metrics are written.
    """

    intake: Intake
    verified: Callable[[Mapping[str, Sequence[str]], bytes], SignedMessage]
    published: Callable[[Handler], Handler]

    def receive(self, headers: Mapping[str, Sequence[str]], body: bytes) -> Cancellation | None:
        """Write a signed request document for the drain; a redelivery changes nothing.

        Returns the row as it now stands, None if it is gone. Raises NotSignedError, InvalidRequestError,
        SecretUnavailableError and TableUnavailableError: nothing was accepted, or (UnknownWriteError) nobody knows.
        """
        message = self.verified(headers, body)
        logger.info("signed", extra={"sender": message.sender, "message_id": message.id})
        asked = self._parse(parse_json(body), message)

        def _enqueue() -> Cancellation:
            by, asker, sent_at = message.requested_by, message.asker, message.sent_at
            row = of_known_state(enqueue(asked, self.intake, requested_by=by, asker=asker, sent_at=sent_at))
            wake_for([row], self.intake)
            return row

        enqueued = deduplicate(message.identity(asked.order_no), self.intake, _enqueue)
        return enqueued or self.intake.cancellations.find(asked.order_no)

    def _parse(self, document: object, message: SignedMessage) -> CancellationRequest:
        def _repeats(asked: CancellationRequest) -> bool:
            return self.intake.messages.seen(message.identity(asked.order_no)) or are_asked([asked], self.intake)

        now = self.intake.now()
        return unless_past(
            lambda earliest: CancellationRequest.parse(document, now=now, earliest=earliest),
            _repeats,
            earliest=min(now, message.sent_at) - SENT_AGAIN,
        )

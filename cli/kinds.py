"""The three queues of what failed, and what can be done about it."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cli.queues import Message
from cli.stack import Stack
from cli.stream import GoneError, Span, read
from feee_cancel.domain.cancellation import FINAL
from feee_cancel.domain.documents import CancellationRequest, parse_event
from feee_cancel.domain.faults import InvalidRequestError, PastTimeError

_MOST_BYTES = 5_000_000
"""Of the records of one invocation: Lambda accepts 6 MB (Lambda quotas, invocation payload)."""
_SHOWN = 200


class LeftError(Exception):
    """The message stays in the queue; the words say why. `hopeless`: trying again will never help."""

    def __init__(self, why: str, *, hopeless: bool = False) -> None:
        super().__init__(why)
        self.hopeless = hopeless


@dataclass(frozen=True, slots=True)
class Kind:
    """`url` is the queue's output. `fits` says what a message is, `act` does its work again; both raise LeftError.

    Each is told the time, in unix seconds.
    """

    url: str
    question: str
    done: str
    fits: Callable[[Stack, Message, float], str]
    act: Callable[[Stack, Message, float], None]


def _is_failed_event(_: Stack, message: Message, now: float) -> str:
    """An event that the schedule's function failed on three times, in Lambda's envelope."""
    envelope = message.body if isinstance(message.body, dict) else {}
    if "requestPayload" not in envelope:
        raise LeftError("not what Lambda puts here")
    event = envelope["requestPayload"]
    shown = json.dumps(event, ensure_ascii=False)[:_SHOWN]
    try:
        sound(event, now=now)
    except InvalidRequestError as error:
        raise LeftError(f"malformed ({error}), it would fail again; mend its sender: {shown}", hopeless=True) from None
    said = envelope.get("responsePayload")
    failure = said if isinstance(said, dict) else {}
    return f"{shown} failed with: {failure.get('errorType', '?')} {failure.get('errorMessage', '')}".rstrip()


def sound(event: Any, *, now: float) -> Any:
    """The event without what would fail again by the service's rules. Raises InvalidRequestError if nothing is left.

    A time that has come since is left out: the event would be refused for asking for a past one.
    """
    match event:
        case {"until": int(until), **others} if not others and not isinstance(until, bool):
            return event
        case dict() if not event:
            return event
    try:
        asked = parse_event(event, now=now).asked
    except PastTimeError:
        return sound({name: value for name, value in event.items() if name != "not_before"}, now=now)
    if event.get("order_nos") is None:
        return event
    good = [one.order_no for one in asked if isinstance(one, CancellationRequest)]
    if not good:
        raise InvalidRequestError("order_nos", "has no order number")
    return {**event, "order_nos": good}


def _send_again(stack: Stack, message: Message, now: float) -> None:
    """Hand the event to the schedule's function, which Lambda tries three times again."""
    payload = json.dumps(sound(message.body["requestPayload"], now=now)).encode()
    function = stack.output("ScheduleFunctionName")
    stack.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=payload)


def _is_tick(stack: Stack, message: Message, _: float) -> str:
    """A tick that EventBridge couldn't deliver: of the stack's own schedule, whatever its body; or an empty object.

    EventBridge Scheduler's guide (configuring a dead-letter queue) has the attributes, and leaves the body open.
    """
    schedule = message.attributes.get("SCHEDULE_ARN", "").rpartition("/")[2]
    if schedule != stack.output("TickName") and (schedule or message.body != {}):
        raise LeftError("not a tick of the stack's own schedule; send it to the function yourself if it is a request")
    return f"tick that couldn't be delivered: {message.attributes.get('ERROR_CODE', 'no error known')}"


def _nothing(_: Stack, __: Message, ___: float) -> None:
    """The next tick did what this one would have done."""


def _is_span(_: Stack, message: Message, __: float) -> str:
    """Where in the table's stream the records are that weren't announced."""
    span = Span.parse(message.body)
    if span is None:
        raise LeftError("not what Lambda puts here")
    return f"batch of records, written from {span.first_at} to {span.last_at}"


def _announce(stack: Stack, message: Message, _: float) -> None:
    """Read the records and hand them to the function that announces, in their order, a few at a time."""
    span = Span.parse(message.body)
    if span is None:
        raise LeftError("not what Lambda puts here")
    try:
        settled = [record for record in read(stack.client("dynamodbstreams"), span) if _is_settled(record)]
    except GoneError:
        raise LeftError(
            "the table's stream holds 24 hours and no longer has these records: their events are lost. The orders "
            f"settled from {span.first_at} to {span.last_at} are in the list; tell the receivers of them",
            hopeless=True,
        ) from None
    for records in _invocations(map(_needed, settled)):
        _hand_over(stack, records)


def _hand_over(stack: Stack, records: Sequence[str]) -> None:
    function = stack.output("NotifyFunctionName")
    payload = '{"Records": [' + ", ".join(records) + "]}"
    answer = stack.client("lambda").invoke(FunctionName=function, Payload=payload.encode())
    said = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        raise LeftError(f"the function that announces failed: {said.get('errorMessage', '')}")
    if said["batchItemFailures"]:
        raise LeftError("the bus didn't take an event; the log of the function that announces says why")


def _is_settled(record: dict[str, Any]) -> bool:
    return record["dynamodb"].get("NewImage", {}).get("state", {}).get("S") in FINAL


def _needed(record: dict[str, Any]) -> str:
    """The record as JSON, without what the row was before, of which its state alone counts."""
    before = record["dynamodb"].get("OldImage", {})
    change = {**record["dynamodb"], "OldImage": {name: before[name] for name in {"state"} & before.keys()}}
    return json.dumps({**record, "dynamodb": change}, ensure_ascii=False)


def _invocations(records: Iterable[str]) -> Iterator[list[str]]:
    """As many records at a time as Lambda accepts; one is never too large: an item has at most 400 KB."""
    few: list[str] = []
    for record in records:
        if few and sum(len(one.encode()) for one in (*few, record)) > _MOST_BYTES:
            yield few
            few = []
        few.append(record)
    if few:
        yield few


def _is_settled_event(_: Stack, message: Message, __: float) -> str:
    """A settled event that the user's own URL didn't accept."""
    event = message.body if isinstance(message.body, dict) else {}
    if not {"order_no", "state", "settled_at"} <= event.keys():
        raise LeftError("not a settled event")
    shown = f"{event['order_no']} {event['state']}, settled at {event['settled_at']}"
    return f"{shown}: {message.attributes.get('why', 'the function that delivers failed on it')}"


def _deliver(stack: Stack, message: Message, _: float) -> None:
    """Put the event back into the queue of those that are delivered, for three days more."""
    body = json.dumps(message.body, ensure_ascii=False)
    stack.client("sqs").send_message(QueueUrl=stack.output("SettledEventsUrl"), MessageBody=body)


KINDS = {
    "FailedEvents": Kind(
        "FailedEventsUrl",
        "Send to the schedule's function again? What was rejected, withdrawn or failed since starts afresh.",
        "sent to the schedule's function again; what fails again comes back here",
        _is_failed_event,
        _send_again,
    ),
    "UndeliveredTicks": Kind(
        "UndeliveredTicksUrl", "The next tick did their work. Delete?", "deleted", _is_tick, _nothing
    ),
    "UnannouncedRecords": Kind(
        "UnannouncedRecordsUrl",
        "Announce what was settled in them? Receivers may get an event late, or twice.",
        "announced",
        _is_span,
        _announce,
    ),
    "UndeliveredEvents": Kind(
        "UndeliveredEventsUrl",
        "Post to SettledWebhookUrl again? The receiver may get an event late, or twice.",
        "in the queue again; what isn't accepted for three days comes back here",
        _is_settled_event,
        _deliver,
    ),
}

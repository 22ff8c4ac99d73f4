"""The queues of what failed, and what can be done about it."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cli.queues import Message
from cli.stream import GoneError, Span, read
from cli.target import Stack
from cli.text import clipped
from cli.words import at
from feee_cancel.domain.cancellation import FINAL, State
from feee_cancel.domain.documents import CancellationRequest, parse_event, parse_order_no
from feee_cancel.domain.faults import InvalidRequestError, PastTimeError

_MOST_BYTES = 5_000_000
"""The size of one invocation's records: Lambda accepts 6 MB (Lambda quotas, invocation payload)."""
_SHOWN, _ID = 200, 40
"""Characters shown of a text that others wrote, and of one that only tells two messages apart."""
_NOT_OURS = "not what Lambda puts here for this stack"


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


def _is_failed_event(stack: Stack, message: Message, now: float) -> str:
    """An event that the schedule's function failed on three times, in Lambda's envelope."""
    envelope = message.body if isinstance(message.body, dict) else {}
    if "requestPayload" not in envelope or not _is_of(stack, "ScheduleFunctionName", envelope):
        raise LeftError(_NOT_OURS)
    event, which = envelope["requestPayload"], _which(message)
    shown = clipped(json.dumps(event, ensure_ascii=False), _SHOWN)
    try:
        good = sound(event, now=now)
    except InvalidRequestError as error:
        wrong = f"malformed ({clipped(str(error), _SHOWN)}), it would fail again; fix its sender"
        raise LeftError(f"{wrong}: {which}, {shown}", hopeless=True) from None
    said = envelope.get("responsePayload")
    failure = said if isinstance(said, dict) else {}
    why = clipped(f"{failure.get('errorType', '?')} {failure.get('errorMessage', '')}".rstrip(), _SHOWN)
    return f"{_orders(good)}: {which}, {shown} failed with: {why}"


def _orders(event: dict[str, Any]) -> str:
    """Each order's number, whatever else the event says."""
    return ", ".join(event.get("order_nos") or [event.get("order_no", "no order")])


def _which(message: Message) -> str:
    """Which message it is, for two that look the same."""
    return f"sent {at(message.sent_at)} ({clipped(message.id, _ID)})"


def _is_of(stack: Stack, function: str, envelope: dict[str, Any]) -> bool:
    """Whether what Lambda wrote is about this function of the stack; older messages needn't say."""
    context = envelope.get("requestContext")
    named = context.get("functionArn") if isinstance(context, dict) else None
    own = stack.arn("lambda", f"function:{stack.output(function)}")
    return named is None or f"{named}:".startswith(f"{own}:")


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
    """Hand the event to the schedule's function, which Lambda again invokes up to three times."""
    payload = json.dumps(sound(message.body["requestPayload"], now=now)).encode()
    function = stack.output("ScheduleFunctionName")
    stack.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=payload)["Payload"].read()


def _is_tick(stack: Stack, message: Message, _: float) -> str:
    """A tick that EventBridge couldn't deliver: of the stack's own schedule, whatever its body; or an empty object.

    EventBridge Scheduler's guide (configuring a dead-letter queue) has the attributes, and leaves the body open.
    """
    schedule = message.attributes.get("SCHEDULE_ARN", "")
    in_a_group, _slash, name = schedule.rpartition("/")
    own = in_a_group.startswith(stack.arn("scheduler", "schedule/")) and name == stack.output("TickName")
    if not own and (schedule or message.body != {}):
        raise LeftError("not a tick of the stack's own schedule; send it to the function yourself if it is a request")
    why = clipped(message.attributes.get("ERROR_CODE", "no error known"), _SHOWN)
    return f"tick that couldn't be delivered: {why}"


def _nothing(_: Stack, __: Message, ___: float) -> None:
    """The next tick did what this one would have done."""


def _is_span(stack: Stack, message: Message, _: float) -> str:
    """What was settled in the records that weren't announced."""
    settled = [record["dynamodb"]["NewImage"] for record in _settled(stack, message)]
    orders = [f"{row['order_no']['S']} {row['state']['S']}" for row in settled]
    return f"{', '.join(orders) or 'nothing settled'}: batch of records, {_which(message)}"


def _announce(stack: Stack, message: Message, _: float) -> None:
    """Hand the records to the function that announces, in their order, a few at a time."""
    for records in _invocations(map(_needed, _settled(stack, message))):
        _hand_over(stack, records)


def _settled(stack: Stack, message: Message) -> list[dict[str, Any]]:
    """The records of settled cancellations, read from the stack's own stream and no other. Raises LeftError."""
    span = Span.parse(message.body)
    if span is None:
        raise LeftError(_NOT_OURS)
    own = stack.arn("dynamodb", f"table/{stack.output('TableName')}/stream/")
    if not span.stream.startswith(own) or not _is_of(stack, "NotifyFunctionName", message.body):
        raise LeftError(f"names another stream than that of the stack's table: {clipped(span.stream, _SHOWN)}")
    try:
        return [record for record in read(stack.client("dynamodbstreams"), span) if _is_settled(record)]
    except GoneError:
        first_at, last_at = clipped(span.first_at, _ID), clipped(span.last_at, _ID)
        raise LeftError(
            "the table's stream holds 24 hours and no longer has these records: their events are lost. The orders "
            f"settled from {first_at} to {last_at} are in the list; tell the receivers about them",
            hopeless=True,
        ) from None


def _hand_over(stack: Stack, records: Sequence[str]) -> None:
    function = stack.output("NotifyFunctionName")
    payload = '{"Records": [' + ", ".join(records) + "]}"
    answer = stack.client("lambda").invoke(FunctionName=function, Payload=payload.encode())
    said = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer or not (isinstance(said, dict) and "batchItemFailures" in said):
        unknown = "its answer isn't one that this version knows"
        why = said.get("errorMessage", "") if isinstance(said, dict) and said else unknown
        raise LeftError(f"the function that announces failed: {why}")
    if said["batchItemFailures"]:
        raise LeftError("the bus rejected an event; the log of the function that announces says why")


def _is_settled(record: dict[str, Any]) -> bool:
    return record["dynamodb"].get("NewImage", {}).get("state", {}).get("S") in FINAL


def _needed(record: dict[str, Any]) -> str:
    """The record as JSON. Of the row as it was before, only the state is kept, as nothing else of it counts."""
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
    try:
        order_no, state = parse_order_no(event["order_no"]), State(event["state"])
    except ValueError:
        raise LeftError("not a settled event") from None
    why = clipped(message.attributes.get("why", "the function that delivers it failed"), _SHOWN)
    return f"{order_no} {state}, settled at {clipped(str(event['settled_at']), _ID)}: {_which(message)}, {why}"


def _deliver(stack: Stack, message: Message, _: float) -> None:
    """Put the event back into the queue of events to be delivered, for three more days."""
    body = json.dumps(message.body, ensure_ascii=False)
    stack.client("sqs").send_message(QueueUrl=stack.output("SettledEventsUrl"), MessageBody=body)


KINDS = {
    "FailedEvents": Kind(
        "FailedEventsUrl",
        "Send to the schedule's function again? What was rejected, withdrawn or failed since starts again.",
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

"""Events that a function isn't for, in words: whoever wires or tests the function reads what came instead."""


class UnknownEventError(ValueError):
    """The event has none of the shapes that the function is for; the message names both."""

    def __init__(self, expected: str, event: object) -> None:
        super().__init__(f"This function is for {expected}. It received {kind(event)}.")


def kind(event: object) -> str:
    """What an event is, by the shapes that AWS documents for its services."""
    match event:
        case {"requestContext": {"elb": _}}:
            named = "a request of an Application Load Balancer"
        case {"requestContext": {"http": _}} | {"version": "2.0"}:
            named = "a request of an HTTP API or a function URL (payload format 2.0)"
        case {"httpMethod": str(), "resource": str(), "path": str(), "requestContext": dict()}:
            named = "a request of a REST API"
        case {"httpMethod": str(), "resource": str()}:
            named = "a request of a REST API without its path or its requestContext"
        case {"Records": [{"eventSource": str(source)} | {"EventSource": str(source)}, *_]}:
            named = f"records of {source[:64]}"
        case {"detail-type": str(name)}:
            named = f"an EventBridge event: {name[:64]}"
        case dict() if event:
            named = f"an object with the members {', '.join(sorted(str(name)[:64] for name in event)[:8])}"
        case _:
            named = _JSON.get(type(event), "a number")
    return named


_JSON = {dict: "an empty object", list: "an array", str: "a text", bool: "a boolean", type(None): "null"}

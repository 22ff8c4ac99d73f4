"""Whether a container takes requests at its port. The standard library only: SAM CLI's Python runs this."""

from http.client import HTTPConnection, HTTPException

SECONDS = 1.0
"""For its connection, and for its answer."""


def answers(host: str, port: int) -> bool:
    """Whether an HTTP server answers there.

    An engine takes connections at a container's port before the container does, and breaks them off.
    """
    connection = HTTPConnection(host, port, timeout=SECONDS)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True

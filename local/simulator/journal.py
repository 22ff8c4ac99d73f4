"""What reached a listener, word for word, and what was answered."""

from dataclasses import dataclass
from threading import Lock


@dataclass(slots=True)
class Entry:
    """A request. `port` is the client's, so it names the connection. `status` is None unless it was answered."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: str
    at: float
    port: int
    endpoint: str | None = None
    order_no: str | None = None
    misbehaviour: str | None = None
    code: int | None = None
    status: int | None = None

    def header(self, name: str) -> str | None:
        return next((value for each, value in self.headers if each.lower() == name.lower()), None)


class Journal:
    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)

    def entries(self, order_no: str | None = None) -> list[Entry]:
        with self._lock:
            return [entry for entry in self._entries if order_no in {None, entry.order_no}]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

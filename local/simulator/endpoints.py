"""feee.io's endpoints over HTTP, and the other host that redirects lead to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from flask import Blueprint, Flask, g, request
from werkzeug.wrappers import Response

from local.simulator.callers import Caller
from local.simulator.choices import Answer
from local.simulator.fault_kinds import Scene, respond
from local.simulator.journal import Entry
from local.simulator.misbehaviour import Misbehaviour, Target
from local.simulator.order_book import Orders
from local.simulator.simulation import Simulation

Parameters: TypeAlias = Mapping[str, object]
Call: TypeAlias = Callable[[Orders, Parameters, Caller], Answer]


@dataclass(frozen=True, slots=True)
class Endpoint:
    name: Target
    method: str
    path: str
    call: Call


ENDPOINTS = (
    Endpoint(Target.CANCEL, "POST", "/v2/order/cancel", lambda orders, p, who: orders.cancel(p.get("order_no"), who)),
    Endpoint(Target.QUERY, "GET", "/v2/order/query", lambda orders, p, who: orders.query(p.get("order_no"), who)),
    Endpoint(Target.SUBMIT, "POST", "/v2/order/submit", lambda orders, p, who: orders.submit(p, who)),
    Endpoint(Target.CREATE, "POST", "/v3/order/create", lambda orders, p, who: orders.create_rental(p, who)),
    Endpoint(Target.API, "GET", "/v2/api/query", lambda orders, _, who: orders.api_query(who)),
)


def feee_api(simulation: Simulation) -> Blueprint:
    api = Blueprint("feee", __name__, url_prefix="/open")
    for endpoint in ENDPOINTS:
        view = _view(simulation, endpoint)
        api.add_url_rule(endpoint.path, endpoint.name, view, methods=[endpoint.method], provide_automatic_options=False)
    return api


def journaled(app: Flask, simulation: Simulation) -> None:
    """Every request but the control API's is on record from its arrival, whatever becomes of it."""

    @app.before_request
    def arrive() -> None:
        g.entry = entry = arrival(simulation.orders.clock())
        if not request.path.startswith("/control/"):
            simulation.journal.add(entry)

    @app.after_request
    def leave(response: Response) -> Response:
        g.entry.status = response.status_code
        return response


def foreign_app(simulation: Simulation) -> Flask:
    """Records whatever reaches it, and answers as if all were well: a trap for a client that follows redirects."""
    app = Flask(__name__, static_folder=None)

    @app.before_request
    def take_down() -> Response:
        entry = arrival(simulation.orders.clock())
        entry.status = 200
        simulation.foreign.add(entry)
        return respond(simulation.orders.look(None))

    return app


def arrival(now: float) -> Entry:
    """The request. Reading its whole body here also keeps the connection alive."""
    body = request.get_data().decode(errors="replace")
    return Entry(
        method=request.method,
        path=request.path,
        query=request.query_string.decode(),
        headers=list(request.headers.items()),
        body=body,
        at=now,
        port=int(request.environ["REMOTE_PORT"]),
    )


def _view(simulation: Simulation, endpoint: Endpoint) -> Callable[[], Response]:
    def view() -> Response:
        entry: Entry = g.entry
        parameters = _parameters()
        order_no = parameters.get("order_no")
        entry.endpoint = endpoint.name
        entry.order_no = order_no if isinstance(order_no, str) else None
        misbehaviour = simulation.misbehaviours.take(endpoint.name, entry.order_no)
        answer = _answer(simulation.orders, endpoint, parameters, misbehaviour)
        entry.code = answer.code
        if misbehaviour is None:
            return respond(answer)
        entry.misbehaviour = misbehaviour.kind
        connection = request.environ["werkzeug.socket"]
        return misbehaviour.play(Scene(answer, connection, _caller().key, simulation.elsewhere))

    return view


def _answer(orders: Orders, endpoint: Endpoint, parameters: Parameters, misbehaviour: Misbehaviour | None) -> Answer:
    if misbehaviour is not None and not misbehaviour.acts:
        return orders.look(parameters.get("order_no"), _caller())
    return endpoint.call(orders, parameters, _caller())


def _caller() -> Caller:
    headers = request.headers
    return Caller(headers.get("key", ""), headers.get("User-Agent", ""), request.remote_addr or "")


def _parameters() -> Parameters:
    """The query's, or the members of a JSON body that says it is one; none if there is no such body."""
    if request.method == "GET":
        return request.args.to_dict()
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}

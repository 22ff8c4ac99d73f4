"""The control API: what a test or the demo arranges, and what it asks afterwards, with the run's secret."""

import hmac
from dataclasses import asdict, replace
from decimal import InvalidOperation
from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response

from local.simulator.choices import RequestId
from local.simulator.fault_kinds import JSON
from local.simulator.json_text import to_json
from local.simulator.misbehaviour import Misbehaviour
from local.simulator.simulated_order import Order
from local.simulator.simulation import Simulation


def control_api(simulation: Simulation) -> Blueprint:
    api = Blueprint("control", __name__, url_prefix="/control")

    @api.before_request
    def secret_is_known() -> Response | None:
        """A page in the browser can't send this header here without asking first, and nothing answers that."""
        told = request.headers.get("Authorization", "").encode()
        if hmac.compare_digest(told, f"Bearer {simulation.secret}".encode()):
            return None
        return _reply({"error": "the control API needs the header Authorization: Bearer, with this run's secret"}, 401)

    _orders(api, simulation)
    _behaviour(api, simulation)
    _requests(api, simulation)
    api.register_error_handler(KeyError, lambda error: _reply({"error": f"unknown: {error}"}, 404))
    for bad in (TypeError, ValueError, InvalidOperation):
        api.register_error_handler(bad, lambda error: _reply({"error": str(error)}, 400))
    return api


def _orders(api: Blueprint, simulation: Simulation) -> None:
    @api.post("/orders")
    def create() -> Response:
        return _shown(simulation.orders.create(**_body()), 201)

    @api.patch("/orders/<order_no>")
    def change(order_no: str) -> Response:
        return _shown(simulation.orders.change(order_no, **_body()))

    @api.get("/orders/<order_no>")
    def read(order_no: str) -> Response:
        return _shown(simulation.orders.order(order_no))


def _behaviour(api: Blueprint, simulation: Simulation) -> None:
    @api.post("/misbehaviours")
    def misbehave() -> Response:
        simulation.misbehaviours.add(Misbehaviour(**_body()))
        return _reply({}, 201)

    @api.delete("/misbehaviours")
    def behave() -> Response:
        simulation.misbehaviours.clear()
        return _reply({})

    @api.patch("/choices")
    def choose() -> Response:
        body = _body()
        if "request_id" in body:
            body["request_id"] = RequestId(body["request_id"])
        simulation.orders.choices = replace(simulation.orders.choices, **body)
        return _reply(asdict(simulation.orders.choices))

    @api.patch("/access")
    def admit() -> Response:
        body = _body()
        settings: dict[str, Any] = {k: frozenset(v) if isinstance(v, list) else v for k, v in body.items()}
        simulation.orders.access = replace(simulation.orders.access, **settings)
        return _reply({})


def _requests(api: Blueprint, simulation: Simulation) -> None:
    @api.get("/requests")
    def requests() -> Response:
        return _reply([asdict(entry) for entry in simulation.journal.entries(request.args.get("order_no"))])

    @api.get("/foreign-requests")
    def foreign_requests() -> Response:
        return _reply([asdict(entry) for entry in simulation.foreign.entries()])

    @api.delete("/requests")
    def forget() -> Response:
        simulation.forget_requests()
        return _reply({})

    @api.post("/reset")
    def reset() -> Response:
        simulation.reset()
        return _reply({})

    @api.get("/health")
    def health() -> Response:
        return _reply({"elsewhere": simulation.elsewhere})


def _body() -> dict[str, Any]:
    body = request.get_json(force=True)
    if not isinstance(body, dict):
        raise TypeError("the body isn't a JSON object")
    return body


def _shown(order: Order, status: int = 200) -> Response:
    return _reply({"detail": order.detail.document(), "accepted_cancels": order.accepted_cancels}, status)


def _reply(document: object, status: int = 200) -> Response:
    return Response(to_json(document), status, content_type=JSON)

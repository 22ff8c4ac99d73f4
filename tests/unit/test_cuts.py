"""What the layer's build takes out of the packages, held against the packages that are pinned."""

import ast
import gzip
import json
import re
from importlib.util import find_spec
from pathlib import Path

import botocore
import pytest
from botocore.handlers import BUILTIN_HANDLERS
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from layers.bytecode import bytecode
from layers.cuts import CUTS, Cut, made
from layers.service_data import needed
from tests.template import ROOT


def installed(cut: Cut) -> str:
    package, _, file = cut.file.partition("/")
    spec = find_spec(package)
    assert spec
    assert spec.origin
    return (Path(spec.origin).parent / file).read_text()


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: f"{cut.file}: {cut.statement.strip()}")
def test_each_cut_fits_the_package_that_is_pinned(cut: Cut) -> None:
    source = made(cut, installed(cut))
    ast.parse(source)
    assert f"\n{cut.instead}  # changed by feee-cancel" in source


@pytest.mark.parametrize("source", ["import a\nimport b2\n", "\nimport b\n\nimport b\n"])
def test_a_cut_that_does_not_fit_stops_the_build(source: str) -> None:
    with pytest.raises(ValueError, match=r"package/file\.py doesn't have this once.*: import b"):
        made(Cut("package/file.py", "import b", "", 0, ""), source)


CHANGES_NOTHING = {"after-call.sqs.*": "chooses the class of an error; the code reads its code alone"}


def services() -> set[str]:
    """Those that the layer keeps, by the names that botocore has for them: folder and hyphenated service id."""
    called = re.findall(r"^OPERATIONS := ((?:.*\\\n)*.*)$", (ROOT / "layers/Makefile").read_text(), re.MULTILINE)[0]
    names = {operation.partition(":")[0] for operation in called.replace("\\\n", " ").split()}
    loader = Loader()
    ids = {loader.load_service_model(name, "service-2")["metadata"]["serviceId"] for name in names}
    return names | {service.lower().replace(" ", "-") for service in ids}


def test_no_handler_of_botocores_is_for_a_service_that_is_called_here() -> None:
    ours = services()
    assert ours == {"dynamodb", "events", "eventbridge", "lambda", "secretsmanager", "secrets-manager", "sqs"}
    for event, *rest in BUILTIN_HANDLERS:
        parts = event.split(".")
        assert parts[0] == "docs" or not ours & set(parts) or event in CHANGES_NOTHING, event
        assert len(parts) > 1 or len(rest) == 1, f"{event} is registered in some other way"
        assert len(parts) == 1 or "*" not in parts[1] or parts[0] == "docs", f"{event} is for every service"


MODEL = {
    "metadata": {"serviceId": "Shop"},
    "documentation": "<p>A shop</p>",
    "operations": {
        "Buy": {"input": {"shape": "Order"}, "output": {"shape": "Bill"}, "errors": [{"shape": "SoldOut"}]},
        "Return": {"input": {"shape": "Parcel"}},
    },
    "shapes": {
        "Bill": {"type": "structure", "members": {"documentation": {"shape": "Text", "documentation": "What for"}}},
        "Order": {"type": "list", "member": {"shape": "Item"}},
        "Item": {"type": "structure", "members": {"parts": {"shape": "Order"}}},
        "Parcel": {"type": "structure", "members": {}},
        "SoldOut": {"type": "structure", "members": {}},
        "Text": {"type": "string"},
    },
}


def test_a_model_keeps_the_operations_that_are_called_and_all_that_they_lead_to() -> None:
    model = needed(MODEL, ["Buy"])
    assert list(model["operations"]) == ["Buy"]
    assert list(model["shapes"]) == ["Bill", "Order", "Item", "SoldOut", "Text"]
    assert model["shapes"]["Bill"]["members"] == {"documentation": {"shape": "Text"}}
    assert model["metadata"] == MODEL["metadata"]


def test_the_values_of_items_are_sent_and_received_as_they_are() -> None:
    """A botocore that takes no documents of this kind any more would send empty values."""
    whole = Path(botocore.__file__).parent / "data/dynamodb/2012-08-10/service-2.json.gz"
    service = ServiceModel(needed(json.loads(gzip.decompress(whole.read_bytes())), ["PutItem", "GetItem"]))
    item = {"order_no": {"S": "1"}, "due_at": {"N": "2"}, "partly_filled": {"BOOL": False}}
    put, found = service.operation_model("PutItem"), service.shape_for("GetItemOutput")
    sent = create_serializer("json").serialize_to_request({"TableName": "table", "Item": item}, put)
    assert json.loads(sent["body"]) == {"TableName": "table", "Item": item}
    answer = {"status_code": 200, "headers": {}, "body": json.dumps({"Item": item}).encode()}
    assert create_parser("json").parse(answer, found)["Item"] == item
    error = {"__type": "ConditionalCheckFailedException", "message": "failed", "Item": item}
    refusal = {"status_code": 400, "headers": {}, "body": json.dumps(error).encode()}
    assert create_parser("json").parse(refusal, service.shape_for("ConditionalCheckFailedException"))["Item"] == item


def test_an_operation_that_does_not_exist_stops_the_build() -> None:
    with pytest.raises(KeyError, match="Steal"):
        needed(MODEL, ["Steal"])


def test_bytecode_has_no_docstring_but_that_of_a_class_with_a_decorator() -> None:
    source = b'"""one"""\nimport dataclasses\nclass A:\n    "two"\n@dataclasses.dataclass\nclass B:\n    "three"\n'
    compiled = bytecode(source, "x.py")
    assert [text in compiled for text in (b"one", b"two", b"three")] == [False, False, True]

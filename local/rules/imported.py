"""Rules for the OpenAPI document that API Gateway imports: the body of the REST API, as SAM writes it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.rules.transformed import of_type

ANY = "x-amazon-apigateway-any-method"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", ANY}
OPEN = {"/webhooks/cancel"}
"""The paths that anybody may call: the function behind them checks a signature of its own."""
DRAFT_4 = {
    *("type", "required", "properties", "items", "pattern", "enum", "title", "description"),
    *("minLength", "maxLength", "minimum", "maximum", "format"),
}
"""The keywords of JSON Schema draft 4 that the important notes make no exception for, as far as they are used here."""
FORMATS_UNSUPPORTED = {"int32", "int64", "decimal"}
PARAMETER_MEMBERS = {"name", "in", "required", "schema", "description"}
RESPONSES = {
    *("ACCESS_DENIED", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE"),
    *("BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS", "DEFAULT_4XX", "DEFAULT_5XX", "EXPIRED_TOKEN"),
    *("INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT", "INVALID_API_KEY", "INVALID_SIGNATURE"),
    *("MISSING_AUTHENTICATION_TOKEN", "QUOTA_EXCEEDED", "RESOURCE_NOT_FOUND", "THROTTLED", "UNAUTHORIZED"),
    *("UNSUPPORTED_MEDIA_TYPE", "WAF_FILTERED"),
}
"""The gateway responses that can be customized: all but REQUEST_TOO_LARGE."""


def documents(template: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each REST API's properties with the document that it is made from."""
    for api in of_type(template, "AWS::ApiGateway::RestApi").values():
        yield api, api["Body"]


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Path, method and operation of each; the any-methods too."""
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield path, method, item[method]


def security_stands_at_each_operation(template: Mapping[str, Any]) -> Iterator[str]:
    """Root-level security isn't used (Amazon API Gateway important notes, for REST APIs)."""
    for _, document in documents(template):
        if "security" in document:
            yield "security stands at the document's root, where API Gateway doesn't look"
        schemes = document.get("components", {}).get("securitySchemes", {})
        signed = {name for name, one in schemes.items() if one.get("x-amazon-apigateway-authtype") == "awsSigv4"}
        for path, method, operation in operations(document):
            named = {name for requirement in operation.get("security", []) for name in requirement}
            if path not in OPEN and not named & signed:
                yield f"{method} {path} is open to everybody"


def security_schemes_are_api_keys(template: Mapping[str, Any]) -> Iterator[str]:
    """Schemes must be of type apiKey; IAM's has its authtype (important notes; x-amazon-apigateway-authtype)."""
    for _, document in documents(template):
        for name, scheme in document.get("components", {}).get("securitySchemes", {}).items():
            if (scheme.get("type"), scheme.get("in")) != ("apiKey", "header"):
                yield f"security scheme {name} is no apiKey in a header"


def schemas_keep_to_draft_4(template: Mapping[str, Any]) -> Iterator[str]:
    """Models are JSON Schema draft 4, without `example`, `nullable`, `default`, `allOf` of `$ref` and others.

    Important notes, for REST APIs. `minItems` and `maxItems` are no part of simple request validation either.
    """
    for _, document in documents(template):
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            for where, part in _subschemas(name, schema):
                for keyword in sorted(part.keys() - DRAFT_4):
                    yield f"model {where} has {keyword}"
                if part.get("format") in FORMATS_UNSUPPORTED:
                    yield f"model {where} has format {part['format']}"
                if not isinstance(part.get("type"), str):
                    yield f"model {where} has no single type"


def _subschemas(name: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield name, schema
    for member, inner in schema.get("properties", {}).items():
        yield from _subschemas(f"{name}.{member}", inner)
    if "items" in schema:
        yield from _subschemas(f"{name}[]", schema["items"])


def names_are_plain(template: Mapping[str, Any]) -> Iterator[str]:
    """Model names are alphanumeric; a path's segments plain, a parameter a whole one (important notes)."""
    for _, document in documents(template):
        for name in document.get("components", {}).get("schemas", {}):
            if not re.fullmatch(r"[A-Za-z0-9]+", name):
                yield f"model {name} has a name that isn't alphanumeric"
        for path in document["paths"]:
            if not re.fullmatch(r"(/([A-Za-z0-9_.,:-]+|\{[A-Za-z0-9_.:-]+\+?\}))+", path):
                yield f"path {path} has a segment that API Gateway doesn't import"


def references_stay_inside(template: Mapping[str, Any]) -> Iterator[str]:
    """`$ref` to another file isn't supported, nor is one inside a model (important notes)."""
    for _, document in documents(template):
        for target in re.findall(r'"\$ref": "([^"]*)"', json.dumps(document)):
            if target.rpartition("/")[0] != "#/components/schemas" or not _named(document, target):
                yield f"$ref {target} leads nowhere that API Gateway follows"


def _named(document: Mapping[str, Any], target: str) -> bool:
    return target.rpartition("/")[2] in document.get("components", {}).get("schemas", {})


def responses_are_objects(template: Mapping[str, Any]) -> Iterator[str]:
    """In method responses a schema must be an object (important notes); without a response there is none to refuse."""
    for _, document in documents(template):
        for path, method, operation in operations(document):
            for status, response in operation.get("responses", {}).items():
                for content in response.get("content", {}).values():
                    if content["schema"].get("type") != "object":
                        yield f"{method} {path} answers {status} with what is no object"


def parameters_say_what_counts(template: Mapping[str, Any]) -> Iterator[str]:
    """Of a parameter only name, place, whether it is required, type and description count (important notes)."""
    for _, document in documents(template):
        for path, method, operation in operations(document):
            for parameter in operation.get("parameters", []):
                extra = parameter.keys() - PARAMETER_MEMBERS | parameter.get("schema", {}).keys() - {"type"}
                if extra:
                    yield f"{method} {path}: parameter {parameter['name']} has {', '.join(sorted(extra))}"


def gateway_responses_can_be_customized(template: Mapping[str, Any]) -> Iterator[str]:
    """REQUEST_TOO_LARGE (413) can't be customized (important notes; gateway response types)."""
    for _, document in documents(template):
        for kind in document.get("x-amazon-apigateway-gateway-responses", {}).keys() - RESPONSES:
            yield f"gateway response {kind} can't be customized"


def gateway_responses_are_json(template: Mapping[str, Any]) -> Iterator[str]:
    """Of the error's variables, API Gateway quotes only `messageString` ($context variables for errors).

    `validationErrorString` holds quotes, and nothing documents that they are escaped.
    """
    for _, document in documents(template):
        for kind, response in document.get("x-amazon-apigateway-gateway-responses", {}).items():
            for text in response.get("responseTemplates", {}).values():
                if not _is_json(text.replace("$context.error.messageString", '"quoted"')):
                    yield f"gateway response {kind} isn't JSON whatever its variables hold"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return "$" not in text


def the_title_is_the_apis_name(template: Mapping[str, Any]) -> Iterator[str]:
    """An import may use `info.title` as the name that is the metrics' dimension (terraform-provider-aws#7161).

    So both are the same.
    """
    for api, document in documents(template):
        if document["info"]["title"] != api.get("Name"):
            yield f"the document's title {document['info']['title']} isn't the API's name {api.get('Name')}"


def integrations_invoke_by_the_functions_permission(template: Mapping[str, Any]) -> Iterator[str]:
    """A Lambda proxy is called with POST; `credentials` would be the caller's (x-amazon-apigateway-integration)."""
    for _, document in documents(template):
        for path, method, operation in operations(document):
            integration = operation.get("x-amazon-apigateway-integration", {})
            if (integration.get("type"), integration.get("httpMethod")) != ("aws_proxy", "POST"):
                yield f"{method} {path} isn't integrated with a function"
            if "credentials" in integration:
                yield f"{method} {path} invokes its function with credentials"


RULES = (
    security_stands_at_each_operation,
    security_schemes_are_api_keys,
    schemas_keep_to_draft_4,
    names_are_plain,
    references_stay_inside,
    responses_are_objects,
    parameters_say_what_counts,
    gateway_responses_can_be_customized,
    gateway_responses_are_json,
    the_title_is_the_apis_name,
    integrations_invoke_by_the_functions_permission,
)

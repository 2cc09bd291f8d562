"""The OpenAPI document, generated from the viewsets, their serializers and their exceptions."""

import json
from collections import defaultdict
from typing import Any, cast

import yaml
from django.conf import settings
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, inline_serializer
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.serializers import Field

from queueapi.api.error_views import SERVER_FAILED, WRONG_HOST
from queueapi.api.exception_handler import exception_handler
from queueapi.api.exceptions import HeadersTooLarge, NotAllowed, RateLimited, RequestTooLarge
from queueapi.api.parsers import JSONObjectParser, get_max_bytes
from queueapi.api.serializer_fields import InputSerializer, TextField, TrueField
from security.authentication import INVALID_KEY
from security.idempotency import INVALID_HEADER, KeyInProgress, KeyReused
from security.middleware import BANNED, Banned
from security.permissions import ACTIONS

NO_NUL = r"^[^\u0000]*$"
NOT_BLANK = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
# A time without an offset, as DRF writes it. The format `date-time` needs an offset (RFC 3339).
LOCAL_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?$"

parts = yaml.safe_load((settings.BASE_DIR / "queueapi/openapi_components.yaml").read_bytes())


def sort_endpoints(endpoints: list[Any]) -> list[Any]:
    """Return the endpoints in order, with paths that do not end with a slash."""
    found = [(path.rstrip("/"), *others) for path, *others in endpoints]
    return sorted(found, key=lambda endpoint: (endpoint[0], endpoint[2] == "GET"))


def add_components(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add the components that are not generated to the document."""
    for kind, components in parts["components"].items():
        result["components"].setdefault(kind, {}).update(components)
    return result


class ClientViewSetSchema(AutoSchema):
    """The operation of an action of a `ClientViewSet`."""

    view: Any

    def get_operation_id(self) -> str:
        return "_".join([*self._tokenize_path(), self.view.action])

    def get_summary(self) -> str:
        return str(super().get_description().rstrip("."))

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular's can be None
        limit = self.view.limit
        text = f"Needs the permission to {ACTIONS[limit.permission]}. A client may send "
        text += f"{limit.maximum:,} requests in {limit.seconds:,} s"
        if items := getattr(self.view, "item_limit", None):
            text += f", and {items.maximum:,} items in {items.seconds:,} s"
        if self.method == "GET":
            return f"{text}, all `GET` together."
        return f"{text}. A body has at most {get_max_bytes(self.view):,} bytes."

    def get_input_serializer(self) -> type[InputSerializer] | None:
        serializer = self.view.serializers.get(self.view.action)
        return type(serializer) if serializer else None

    def get_request_serializer(self) -> type[InputSerializer] | None:
        return self.get_input_serializer() if self.method == "POST" else None

    def get_examples(self) -> list[OpenApiExample]:
        body = parts["bodies"].get(self.get_operation_id())
        return [OpenApiExample("Example", body, request_only=True)] if body else []

    def get_override_parameters(self) -> list[Any]:
        query = self.get_input_serializer() if self.method == "GET" else None
        return [query] if query else []

    def _get_parameters(self) -> list[dict[str, Any]]:
        header = "Idempotency-Key" if self.method == "POST" else "If-None-Match"
        parameters = super()._get_parameters()
        for parameter in parameters:
            # Swagger UI fills these in, and not the examples of a schema.
            if examples := parameter["schema"].pop("examples", []):
                parameter["example"] = examples[0]
        return [
            *parameters,
            {"$ref": f"#/components/parameters/{header}"},
            {"$ref": "#/components/parameters/X-Request-ID"},
        ]

    def _resolve_path_parameters(self, variables: list[str]) -> list[dict[str, Any]]:
        schema = {"type": "string", "format": "uuid", **parts["members"]["id"]}
        return [
            {"name": name, "in": "path", "required": True, "schema": schema} for name in variables
        ]

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False  # no response is an array

    def get_response_serializers(self) -> Any:
        output = inline_serializer(
            self.get_operation_id().title().replace("_", ""),
            {"success": TrueField(), **self.view.outputs[self.view.action]},
        )
        code = 201 if self._is_create_operation() else 200
        responses = {code: OpenApiResponse(output, "Success.")}
        if self.method == "GET":
            responses[304] = OpenApiResponse(description="Nothing has changed.")
        examples = defaultdict(list)
        for name, error in self.get_errors().items():
            response = cast(Response, exception_handler(error, {}))
            body = json.loads(json.dumps(response.data))  # without DRF's subclasses of str
            examples[response.status_code].append(OpenApiExample(name, body))
        for code in sorted(examples):
            bodies = [example.value for example in examples[code]]
            sentences = " ".join(body["error"] for body in bodies)
            members = list(dict.fromkeys(member for body in bodies for member in body))
            component = "_with_".join(["error", *members[2:]]).title().replace("_", "")
            schema = {"$ref": f"#/components/schemas/{component}"}
            responses[code] = OpenApiResponse(schema, sentences, examples[code])
        return responses

    def get_errors(self) -> dict[str, Exception]:
        """Return an exception of each kind that the operation can raise."""
        errors: dict[str, Exception] = {
            "Wrong host": exceptions.ParseError(WRONG_HOST),
            "Invalid key": exceptions.AuthenticationFailed(INVALID_KEY),
            "Banned": Banned(BANNED),
            "Not allowed": NotAllowed(ACTIONS[self.view.limit.permission]),
            "Wrong method": exceptions.MethodNotAllowed("PUT"),
            "Body too large": RequestTooLarge(),
            "Rate limited": RateLimited(30),
            "Headers too large": HeadersTooLarge(),
            "Server failed": exceptions.APIException(SERVER_FAILED),
            **self.view.errors.get(self.view.action, {}),
        }
        if self.method == "POST":
            errors |= {
                "Wrong content type": exceptions.UnsupportedMediaType(""),
                "Invalid idempotency key": exceptions.ParseError(INVALID_HEADER),
                "Invalid JSON": exceptions.ParseError(JSONObjectParser.NOT_AN_OBJECT),
                "Key in progress": KeyInProgress(),
                "Key reused": KeyReused(),
            }
        if serializer := self.get_input_serializer():
            missing = {
                name: [field.error_messages["required"]]
                for name, field in serializer().fields.items()
                if field.required
            }
            errors["Invalid field"] = exceptions.ValidationError(missing)
        return errors

    def _get_response_headers_for_code(
        self, status_code: str, direction: Any = "response"
    ) -> dict[str, Any]:
        names = ["X-Request-ID", *parts["headers_by_status"].get(status_code, [])]
        if status_code not in {"401", "431", "500"}:
            names += parts["headers_after_a_valid_key"]
        if status_code.startswith("2"):
            names.append("Idempotency-Replayed" if self.method == "POST" else "ETag")
        return {name: {"$ref": f"#/components/headers/{name}"} for name in names}

    def _get_serializer_field_meta(self, field: Field, direction: Any) -> dict[str, Any]:
        meta: dict[str, Any] = super()._get_serializer_field_meta(field, direction)
        meta.pop("title", None)  # the label of a model's field
        # A body may have null for absent. A parameter is never null.
        if isinstance(field.parent, InputSerializer) and self.method == "POST":
            meta["nullable"] = not field.required
        return meta

    def _map_serializer_field(
        self, field: Field, direction: Any, bypass_extensions: bool = False
    ) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_serializer_field(field, direction, bypass_extensions)
        if "enum" in schema and "null" in schema["type"]:
            schema["enum"] = [*schema["enum"], None]
        if schema.get("format") == "date-time":
            schema["pattern"] = LOCAL_TIME
            del schema["format"]
        for name, value in parts["members"].get(field.field_name, {}).items():
            schema.setdefault(name, value)
        return schema

    def _insert_field_validators(self, field: Field, schema: dict[str, Any]) -> None:
        super()._insert_field_validators(field, schema)
        if isinstance(field, TextField):
            schema["pattern"] = NOT_BLANK if field.trim_whitespace else NO_NUL

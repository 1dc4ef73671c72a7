"""What every OpenAPI document of Cog's has, whatever the model."""

from typing import Any, Dict

Json = Dict[str, Any]


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _string(name: str, **more: Any) -> Json:
    return dict(sorted({"title": name, "type": "string", **more}.items()))


def components(prefix: str, io: str) -> Json:
    """Return the components that every document has."""
    return {
        f"{prefix}Request": {
            "properties": {"id": _string("Id"), "input": _ref(io + "Input")},
            "title": f"{prefix}Request",
            "type": "object",
        },
        f"{prefix}Response": {
            "properties": {
                "completed_at": _string("Completed At", format="date-time"),
                "created_at": _string("Created At", format="date-time"),
                "error": _string("Error"),
                "id": _string("Id"),
                "input": _ref(io + "Input"),
                "logs": _string("Logs"),
                "metrics": {"title": "Metrics", "type": "object"},
                "output": _ref(io + "Output"),
                "started_at": _string("Started At", format="date-time"),
                "status": _string("Status"),
                "version": _string("Version"),
            },
            "title": f"{prefix}Response",
            "type": "object",
        },
        "Status": {
            "description": "An enumeration.",
            "enum": ["starting", "processing", "succeeded", "canceled", "failed"],
            "title": "Status",
            "type": "string",
        },
        "HTTPValidationError": {
            "properties": {"detail": {"items": _ref("ValidationError"), "title": "Detail", "type": "array"}},
            "title": "HTTPValidationError",
            "type": "object",
        },
        "ValidationError": {
            "properties": {
                "loc": {
                    "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                    "title": "Location",
                    "type": "array",
                },
                "msg": _string("Message"),
                "type": _string("Error Type"),
            },
            "required": ["loc", "msg", "type"],
            "title": "ValidationError",
            "type": "object",
        },
    }


def _response(schema: Json, description: str) -> Json:
    return {"content": {"application/json": {"schema": schema}}, "description": description}


def _operation(summary: str, name: str, schema: Json, **more: Any) -> Json:
    responses = {"200": _response(schema, "Successful Response")}
    if "requestBody" in more or "parameters" in more:
        responses["422"] = _response(_ref("HTTPValidationError"), "Validation Error")
    return dict(sorted({"operationId": name, "responses": responses, "summary": summary, **more}.items()))


def paths(train: bool, streaming: bool) -> Json:
    """Return the routes of predictions, or of trainings."""
    noun, verb, base = ("training", "Train", "Training") if train else ("prediction", "Predict", "Prediction")
    create = _operation(
        verb,
        f"{verb.lower()}_{noun}s_post",
        _ref(f"{base}Response"),
        description=f"Run a single {noun} on the model",
        requestBody={"content": {"application/json": {"schema": _ref(f"{base}Request")}}},
    )
    if streaming and not train:
        create["x-cog-streaming"] = True
    cancel = _operation(
        "Cancel",
        f"cancel_{noun}s__{noun}_id__cancel_post",
        {},
        parameters=[
            {
                "in": "path",
                "name": f"{noun}_id",
                "required": True,
                "schema": {"title": f"{noun.title()} Id", "type": "string"},
            }
        ],
    )
    return {
        "/": {"get": _operation("Root", "root__get", {})},
        "/health-check": {"get": _operation("Healthcheck", "healthcheck_health_check_get", {})},
        f"/{noun}s": {"post": create},
        f"/{noun}s/{{{noun}_id}}/cancel": {"post": cancel},
    }

"""Base classes of the JSON endpoints: parser, serializer fields, viewset, errors."""

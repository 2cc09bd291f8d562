"""URLs of lists and rows, and of other pages of a model."""

from typing import Any

from django.db.models import Model
from django.urls import reverse


def page_url(model: type[Model], page: str = "changelist", **parameters: Any) -> str:
    """Return the URL of a page of the model's admin, by default of the list."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
    return reverse(name, query=parameters)


def change_url(row: Model) -> str:
    """Return the URL of the row's page."""
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return reverse(name, args=[row.pk])

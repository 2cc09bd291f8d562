"""The list of queue items."""

from typing import Any

from django.db.models import QuerySet

from queueapi.admin.change_list import UncountedList


class ItemList(UncountedList):
    def get_queryset(self, *args: Any, **kwargs: Any) -> QuerySet:
        """Leave out the long texts, which the list does not show."""
        return super().get_queryset(*args, **kwargs).defer("data", "message")

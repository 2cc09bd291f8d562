"""The list of queue items."""

from typing import Any

from queueapi.admin.change_list import UncountedList


class ItemList(UncountedList):
    def get_queryset(self, *args: Any, **kwargs: Any) -> Any:
        items: Any = super().get_queryset(*args, **kwargs)
        return items.with_text_starts()

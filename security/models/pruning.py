"""Deletion of many old rows."""

from typing import TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


class PrunableQuerySet(models.QuerySet[M]):
    def prune(self) -> int:
        """Delete the rows in batches of 1,000, which lock briefly; return how many there were."""
        deleted = 0
        while batch := list(self.values_list("pk", flat=True)[:1000]):
            deleted += self.model._default_manager.filter(pk__in=batch).delete()[0]
        return deleted

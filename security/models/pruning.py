"""Rows that are kept for a time only."""

from typing import TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


class PrunableQuerySet(models.QuerySet[M]):
    """A queryset whose rows can be deleted in small steps."""

    def prune(self) -> int:
        """Delete these in batches of a thousand, whose locks are short, and return how many."""
        deleted = 0
        while batch := list(self.values_list("pk", flat=True)[:1000]):
            deleted += self.model._default_manager.filter(pk__in=batch).delete()[0]
        return deleted

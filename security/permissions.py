"""Check a client's networks and permissions."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from queueapi.api.exceptions import NotAllowed
from security.authentication import get_client
from security.client_ip import get_client_ip

ACTIONS = {
    "may_push": "push queue items",
    "may_trigger": "set the status of triggers",
    "may_read": "read queue items and triggers",
}


class ClientPermission(BasePermission):
    """Refuse a client outside of its networks, and an action that it may not do."""

    def has_permission(self, request: Request, view: Any) -> bool:
        client = get_client(request)
        if not client.may_call_from(get_client_ip(request._request)):
            raise NotAllowed("call from this IP")
        is_allowed_method = view.action in view.limits  # the others get 405
        if is_allowed_method and not getattr(client, view.limit.permission):
            raise NotAllowed(ACTIONS[view.limit.permission])
        return True

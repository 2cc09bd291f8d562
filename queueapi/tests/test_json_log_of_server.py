"""The log in JSON of a server process: each line is JSON, and none has a secret."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlencode

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import connection

from queueapi.tests.helpers import Forms, Serve, Server, eventually, manage
from queues.models import QueueItem
from security.models import ApiKey, Client

JSON = {"Content-Type": "application/json"}


def test_checks_and_errors_of_the_start_are_in_json() -> None:
    result = manage("serve", "--threads", "0", LOG_FORMAT="json", TRUSTED_PROXIES=None)
    messages = [json.loads(line)["message"] for line in result.stderr.splitlines()]
    assert any("(security_app.W001)" in message for message in messages)
    assert messages[-1] == "CommandError: --threads must be at least 1."


class Browser:
    """Send forms to the admin of a server as a browser does."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.cookies: dict[str, str] = {}

    def open(self, path: str, data: dict[str, str] | None = None) -> str:
        """Return the page, or that to which a form redirects."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        method, body = ("GET", "") if data is None else ("POST", urlencode(data))
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        response, content = self.server.request(method, path, body.encode(), **headers)
        for text in response.headers.get_all("Set-Cookie") or []:
            name, _, value = text.partition(";")[0].partition("=")
            self.cookies[name] = value
        location = response.headers["Location"]
        return self.open(location) if location else content.decode()

    def form(self, path: str, field: str) -> dict[str, str]:
        """Return the fields of the form with this field on a page."""
        forms = (fields for _, fields in Forms(self.open(path)).forms)
        return next(fields for fields in forms if field in fields)

    def submit(self, path: str, field: str, **values: str) -> str:
        return self.open(path, self.form(path, field) | values)


SECRETS = {"queue_name": "q", "data": "SECRET", "message": "SECRET", "reference": "SECRET"}


def send_secrets_to_the_api(server: Server, key: str, once: str) -> list[int]:
    """Return the status codes of requests that have SECRET in all places."""
    hidden = {"Idempotency-Key": once, "Authorization": "SECRET", "Cookie": "a=SECRET"}
    hidden |= {"Referer": "https://queue.example.org/?q=SECRET", "X-API-Key": key, **JSON}

    def send(method: str, path: str, body: object, **headers: str) -> int:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return server.request(method, path, content, **hidden | headers)[0].status

    return [
        send("POST", "/api/queue?key=SECRET", SECRETS),
        send("POST", "/api/queue", SECRETS),
        send("POST", "/api/queue", {**SECRETS, "data": "other"}),
        send("POST", "/api/queue/bulk", {"items": [SECRETS, SECRETS]}),
        send("POST", "/api/queue", {**SECRETS, "data": "SECRET" * 1000}),
        send("POST", "/api/queue", b"SECRET"),
        send("POST", "/api/queue", SECRETS, **{"X-API-Key": "SECRET"}),
        send("GET", "/api/queue?reference=SECRET", b""),
    ]


def send_secrets_to_the_admin(browser: Browser) -> None:
    """Sign in, and view, edit, search and export items with SECRET in their texts."""
    items = "/admin/queues/queueitem/"
    pk = QueueItem.objects.values_list("pk", flat=True)[0]
    page = f"{items}{pk}/change/"
    browser.submit("/admin/login/", "username", username="anna", password="SECRET wrong")
    browser.submit("/admin/login/", "username", username="anna", password="SECRET right")
    assert "SECRET" in browser.open(page)
    browser.submit(page, "message", message="SECRET edited")
    assert "SECRET edited" in browser.open(page)
    assert "SECRET" in browser.open(f"{items}?q=SECRET")
    token = browser.form(page, "message")["csrfmiddlewaretoken"]
    chosen = {"action": "export", "_selected_action": str(pk), "confirmed": "1"}
    assert "SECRET" in browser.open(items, {**chosen, "csrfmiddlewaretoken": token})
    browser.open(f"{items}?q=SECRET", {**chosen, "csrfmiddlewaretoken": "SECRET"})
    browser.cookies["token"] = token


@contextmanager
def no_table_of_items() -> Iterator[None]:
    with connection.schema_editor() as editor:
        editor.alter_db_table(QueueItem, "Queues", "Away")
    yield
    with connection.schema_editor() as editor:
        editor.alter_db_table(QueueItem, "Away", "Queues")


def test_no_line_has_a_secret_or_a_text_of_an_item(serve: Serve, transactional_db: None) -> None:
    password = make_password("SECRET right", hasher="pbkdf2_sha256")
    User.objects.create(username="anna", password=password, is_staff=True, is_superuser=True)
    _, key = ApiKey.objects.issue("ERP", lifetime=None)
    Client.objects.update(may_read=True)
    server = serve(LOG_FORMAT="json")
    sent = send_secrets_to_the_api(server, key, "SECRET-1")
    with no_table_of_items():
        failed = send_secrets_to_the_api(server, key, "SECRET-2")
    browser = Browser(server)
    send_secrets_to_the_admin(browser)
    server.stop()
    assert sent == [201, 201, 422, 201, 400, 400, 401, 200]
    assert failed == [500, 500, 500, 500, 400, 400, 401, 500]
    text = server.log.read_text()
    events = {json.loads(line)["event"] for line in text.splitlines()}
    expected = {"request", "attempt.failed", "login.failed", "login.succeeded"}
    assert events - {"log"} == expected | {"item.viewed", "items.exported"}
    planted = ["SECRET", key.partition(".")[2], *browser.cookies.values()]
    assert [secret for secret in planted if secret in text] == []


def test_each_request_has_one_event(serve: Serve, transactional_db: None) -> None:
    _, key = ApiKey.objects.issue("ERP", lifetime=None)
    server = serve(LOG_FORMAT="json")

    def push(number: int) -> int:
        headers = {"X-API-Key": key, "X-Request-ID": f"push-{number}", **JSON}
        return server.request("POST", "/api/queue", b'{"queue_name": "q"}', **headers)[0].status

    def leave(number: int) -> None:
        """Send a request and close the connection without reading the response."""
        head = f"POST /api/queue HTTP/1.1\r\nX-Request-ID: left-{number}\r\nContent-Length: 2"
        with socket.create_connection(("127.0.0.1", server.port)) as connected:
            connected.sendall(f"{head}\r\nHost: 127.0.0.1\r\n\r\n{{}}".encode())
            connected.recv(1)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(push, range(60))) == [201] * 60
        list(pool.map(leave, range(4)))
    headers = {"X-Request-ID": "malformed", "Transfer-Encoding": "x"}
    assert server.request("POST", "/api/queue", b"", **headers)[0].status == 501

    def ids() -> list[str]:
        lines = map(json.loads, server.log.read_text().splitlines())
        return sorted(line["request_id"] for line in lines if line.get("event") == "request")

    sent = [f"push-{number}" for number in range(60)] + [f"left-{number}" for number in range(4)]
    assert eventually(lambda: len(ids()) >= 65)
    server.stop()
    assert ids() == sorted([*sent, "malformed"])

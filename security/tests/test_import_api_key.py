from io import StringIO

import pytest
from django.core.management import CommandError

from queueapi.tests.helpers import Api
from security.models import ApiKey
from security.tests.helpers import run

pytestmark = pytest.mark.django_db

SECRET = "the-key-of-a-former-life-1"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch):
    """Makes a text what the command reads from standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", StringIO(text))


def test_it_works(api: Api, typed) -> None:
    typed(SECRET)
    run("import_api_key", "Legacy")
    assert api.post("/api/queue", {"queue_name": "q"}, X_API_Key=SECRET).status_code == 201


def test_nothing_shows_the_secret_or_a_part_of_it(typed) -> None:
    typed(SECRET)
    out, err = run("import_api_key", "Legacy")
    key = ApiKey.objects.get()
    assert out == ""
    assert err == f"Key {key.prefix} of Legacy is imported; it does not expire.\n"
    assert key.prefix not in SECRET
    assert not any(SECRET in str(value) for value in ApiKey.objects.values_list().get())


@pytest.mark.parametrize("text", [f"{SECRET}\n", f"{SECRET}\r\n", f"\ufeff{SECRET}\r\n"])
def test_what_a_pipe_adds_is_no_part_of_it(api: Api, typed, text: str) -> None:
    typed(text)
    run("import_api_key", "Legacy")
    assert api.post("/api/queue", {"queue_name": "q"}, X_API_Key=SECRET).status_code == 201


def test_a_key_may_have_spaces_inside(api: Api, typed) -> None:
    typed("correct horse battery staple\n")
    run("import_api_key", "Legacy")
    key = "correct horse battery staple"
    assert api.post("/api/queue", {"queue_name": "q"}, X_API_Key=key).status_code == 201


def test_nothing_to_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(CommandError, match="at least 20 characters"):
        run("import_api_key", "Legacy")


def test_19_characters_are_too_few(typed) -> None:
    typed("x" * 19)
    with pytest.raises(CommandError, match="at least 20 characters; this one has 19"):
        run("import_api_key", "Legacy")


def test_20_characters_are_enough(typed) -> None:
    typed("x" * 20)
    run("import_api_key", "Legacy")
    assert ApiKey.objects.active().exists()


@pytest.mark.parametrize("text", [f"{SECRET}\n{SECRET}", f"{SECRET}\t{SECRET}", "nøgle" * 5])
def test_what_can_not_travel_in_a_header_is_refused(typed, text: str) -> None:
    typed(text)
    with pytest.raises(CommandError, match="only ASCII") as error:
        run("import_api_key", "Legacy")
    assert text not in str(error.value)


def test_a_key_is_imported_once(typed) -> None:
    typed(SECRET)
    run("import_api_key", "Legacy")
    typed(SECRET)
    with pytest.raises(CommandError, match="is here already"):
        run("import_api_key", "Another")
    assert ApiKey.objects.count() == 1


def test_an_imported_key_can_be_rotated(typed) -> None:
    typed(SECRET)
    run("import_api_key", "Legacy")
    out, _ = run("rotate_api_key", "Legacy")
    assert out.strip() != SECRET
    assert ApiKey.objects.active().count() == 2

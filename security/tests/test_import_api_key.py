from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError

from queueapi.tests.helpers import Api
from security.models import ApiKey
from security.tests.helpers import right, run

pytestmark = pytest.mark.django_db

SECRET = "the-key-of-a-former-life-1"

Import = Callable[[str], tuple[str, str]]


@pytest.fixture
def import_key(monkeypatch: pytest.MonkeyPatch) -> Import:
    """Run the command with a text on standard input, for the client Legacy."""

    def import_key(text: str) -> tuple[str, str]:
        monkeypatch.setattr("sys.stdin", StringIO(text))
        return run("import_api_key", "Legacy")

    return import_key


def test_it_works(api: Api, import_key: Import) -> None:
    import_key(SECRET)
    assert right(api, X_API_Key=SECRET) == 201


def test_the_secret_is_neither_shown_nor_stored(import_key: Import) -> None:
    out, err = import_key(SECRET)
    key = ApiKey.objects.get()
    assert out == ""
    assert err == f"Key {key.prefix} of Legacy is imported; it does not expire.\n"
    assert key.prefix not in SECRET
    assert not any(SECRET in str(value) for value in ApiKey.objects.values_list().get())


@pytest.mark.parametrize("text", [f"{SECRET}\n", f"{SECRET}\r\n", f"\ufeff{SECRET}\r\n"])
def test_line_ends_and_byte_order_marks_are_stripped(
    api: Api, import_key: Import, text: str
) -> None:
    import_key(text)
    assert right(api, X_API_Key=SECRET) == 201


def test_a_key_may_contain_spaces(api: Api, import_key: Import) -> None:
    import_key("correct horse battery staple\n")
    assert right(api, X_API_Key="correct horse battery staple") == 201


def test_a_closed_standard_input_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(CommandError, match="at least 20 characters"):
        run("import_api_key", "Legacy")


def test_19_characters_are_too_few(import_key: Import) -> None:
    with pytest.raises(CommandError, match="at least 20 characters; this one has 19"):
        import_key("x" * 19)


def test_20_characters_are_enough(import_key: Import) -> None:
    import_key("x" * 20)
    assert ApiKey.objects.active().exists()


@pytest.mark.parametrize("text", [f"{SECRET}\n{SECRET}", f"{SECRET}\t{SECRET}", "nøgle" * 5])
def test_a_secret_that_is_not_valid_in_a_header_is_an_error(import_key: Import, text: str) -> None:
    with pytest.raises(CommandError, match="only ASCII") as error:
        import_key(text)
    assert text not in str(error.value)


def test_a_known_key_is_an_error(import_key: Import) -> None:
    import_key(SECRET)
    with pytest.raises(CommandError, match="is here already"):
        import_key(SECRET)
    assert ApiKey.objects.count() == 1


def test_an_imported_key_can_be_rotated(import_key: Import) -> None:
    import_key(SECRET)
    out, _ = run("rotate_api_key", "Legacy")
    assert out.strip() != SECRET
    assert ApiKey.objects.active().count() == 2

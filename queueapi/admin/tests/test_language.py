"""Languages: the admin in the browser's, the API in English, and the catalog of Danish."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.test import Client

from queueapi.tests.helpers import Api, SignIn, form_in
from queues.tests.helpers import LIST, change_url, failed, item, select_action
from security.tests.helpers import wrong
from triggers.tests.helpers import change_url as trigger_change_url
from triggers.tests.helpers import scheduled

CATALOG = settings.LOCALE_PATHS[0] / "da" / "LC_MESSAGES"
DANISH = {"Accept-Language": "da-DK,da;q=0.9,en;q=0.5"}

pytestmark = pytest.mark.django_db


def in_danish(client: Client, url: str) -> str:
    """Return the text of the page in Danish, with plain spaces."""
    return client.get(url, headers=DANISH).content.decode().replace("\xa0", " ")


def test_dashboard_is_danish(sign_in: SignIn) -> None:
    failed(message="No order")
    page = in_danish(sign_in(), "/admin/")
    for text in ("Kræver opmærksomhed", "Fejlet i de seneste 24 timer", "Ældste nye", "Køer"):
        assert text in page
    assert '<html lang="da"' in page


def test_lists_and_change_pages_are_danish(sign_in: SignIn) -> None:
    row, trigger = failed(), scheduled()
    client = sign_in()
    assert "Søger i reference" in in_danish(client, LIST)
    assert "Fejlet</span>" in in_danish(client, LIST)
    assert "Oprettet af" in in_danish(client, change_url(row))
    assert "Kl 07:30, mandag til og med fredag" in in_danish(client, trigger_change_url(trigger))


@pytest.mark.parametrize("language", ["", "en", "de", "xx;q=nonsense"])
def test_other_languages_get_english(sign_in: SignIn, language: str) -> None:
    page = sign_in().get("/admin/", headers={"Accept-Language": language})
    assert "Needs attention" in page.content.decode()


def test_login_page_is_danish(client: Client) -> None:
    assert "Brugernavn" in in_danish(client, "/admin/login/")


def test_page_for_banned_ip_is_danish(api: Api, client: Client) -> None:
    wrong(api, 5)
    assert "Denne adresse er udelukket" in in_danish(client, "/admin/login/")


def test_api_is_english(api: Api) -> None:
    response = api.post("/api/queue", {"data": 5}, **DANISH)
    assert response.json()["fields"] == {
        "queue_name": ["This field is required."],
        "data": ["Must be a text, an object or an array."],
    }


def test_api_is_english_after_a_danish_page_in_the_same_thread(api: Api, sign_in: SignIn) -> None:
    in_danish(sign_in(), "/admin/")
    assert api.post("/api/queue", {}).json()["error"] == "queue_name: This field is required."


def test_errors_of_the_serializer_are_danish_in_the_admin(sign_in: SignIn) -> None:
    client = sign_in()
    url = "/admin/queues/queueitem/add/"
    form = {**form_in(client.get(url), "queue_name"), "queue_name": "q", "created_date": "x"}
    page = client.post(url, form, headers=DANISH).content.decode()
    assert "Skal være en dato" in page


def test_log_entry_of_a_danish_user_is_shown_in_english(sign_in: SignIn) -> None:
    client, row = sign_in(), item()
    question = select_action(client, "abandon", row, headers=DANISH)
    client.post(LIST, form_in(question, "selection"), headers=DANISH)
    assert (
        LogEntry.objects.get().get_change_message().startswith("status: NEW → ABANDONED; ended: ")
    )


@pytest.fixture
def catalog() -> polib.POFile:
    return polib.pofile(str(CATALOG / "django.po"))


def test_catalog_is_translated(catalog: polib.POFile) -> None:
    missing = [*catalog.untranslated_entries(), *catalog.fuzzy_entries()]
    assert [entry.msgid for entry in missing] == []


def test_translations_have_the_placeholders(catalog: polib.POFile) -> None:
    def placeholders(text: str) -> list[str]:
        return sorted(re.findall(r"%\(\w+\)[sdr]|\{\w+\}", text))

    for entry in catalog:
        for text in entry.msgstr_plural.values() or [entry.msgstr]:
            assert placeholders(text) == placeholders(entry.msgid_plural or entry.msgid)


def test_compiled_catalog_is_up_to_date(catalog: polib.POFile) -> None:
    used = {entry.msgid: entry.msgstr for entry in polib.mofile(str(CATALOG / "django.mo"))}
    assert used == {entry.msgid: entry.msgstr for entry in catalog}


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="no gettext on this machine")
def test_catalog_has_the_strings_of_the_project(catalog: polib.POFile, tmp_path: Path) -> None:
    for name in ("queueapi", "queues", "triggers", "security"):
        ignored = shutil.ignore_patterns("tests", "__pycache__", "migrations")
        shutil.copytree(settings.BASE_DIR / name, tmp_path / name, ignore=ignored)
    shutil.copy(settings.BASE_DIR / "manage.py", tmp_path)
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "-l", "da", "--no-obsolete"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    made = polib.pofile(str(tmp_path / CATALOG.relative_to(settings.BASE_DIR) / "django.po"))
    assert {entry.msgid for entry in made} == {entry.msgid for entry in catalog}

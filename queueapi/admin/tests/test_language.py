"""Languages: the admin in the browser's, the API in English, and the catalog of Danish."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import django
import polib
import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client

from queueapi.tests.admin_pages import create_rows
from queueapi.tests.helpers import Api, SignIn, form_in
from queues.tests.helpers import LIST, change_url, failed, item, select_action
from security.tests.helpers import wrong
from triggers.tests.helpers import change_url as trigger_change_url
from triggers.tests.helpers import scheduled

CATALOG = settings.LOCALE_PATHS[0] / "da" / "LC_MESSAGES"
DANISH = {"Accept-Language": "da-DK,da;q=0.9,en;q=0.5"}

pytestmark = pytest.mark.django_db


# Frequent in English and no Danish words.
ENGLISH = (
    "the of and is not with this that you your are was were from can add change delete view save "
    "search home select show hide none all yes no true false unknown welcome user group password "
    "action go history sort filter close error please enter remove viewers operators"
)
ENGLISH_WORD = re.compile(rf"\b(?:{'|'.join(ENGLISH.split())})\b", re.IGNORECASE)


class Texts(HTMLParser):
    """Collect the texts that a page shows, and those that a screen reader reads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = {"alt", "title", "placeholder", "aria-label"}
        if ("type", "submit") in attributes:
            names.add("value")
        if ("name", "shown") not in attributes:  # the value of a button is not visible
            self.texts += [value or "" for name, value in attributes if name in names]

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:  # not in a script or a style
            self.texts.append(data)


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
    assert "Finder et id" in in_danish(client, LIST)
    assert "Fejlet</span>" in in_danish(client, LIST)
    assert "Oprettet af" in in_danish(client, change_url(row))
    assert "Kl. 07:30, mandag til og med fredag" in in_danish(client, trigger_change_url(trigger))


def test_roles_permissions_and_icons_are_danish(sign_in: SignIn) -> None:
    client, role = sign_in(), Group.objects.get(name="Viewers")
    page = in_danish(client, f"/admin/auth/group/{role.pk}/change/")
    assert "Læsere" in page
    assert "Køer | Vis køelement" in page
    assert 'alt="Ja"' in in_danish(client, "/admin/auth/user/")


@pytest.mark.usefixtures("scheduler_tables")
def test_no_danish_page_has_english_words(sign_in: SignIn) -> None:
    client = sign_in()
    english = {
        (match[0], text.strip())
        for url in create_rows()
        for text in Texts(in_danish(client, url)).texts
        if (match := ENGLISH_WORD.search(text))
    }
    assert english == set()


@pytest.mark.parametrize("language", ["", "en", "de", "xx;q=nonsense"])
def test_other_languages_get_english(sign_in: SignIn, language: str) -> None:
    page = sign_in().get("/admin/", headers={"Accept-Language": language})
    assert "Needs attention" in page.content.decode()


def test_login_page_is_danish(client: Client) -> None:
    assert "Brugernavn" in in_danish(client, "/admin/login/")


def test_page_for_banned_ip_is_danish(api: Api, client: Client) -> None:
    wrong(api, 5)
    assert "Denne IP-adresse er udelukket" in in_danish(client, "/admin/login/")


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


def is_of_django(entry: polib.POEntry) -> bool:
    """Return whether the entry replaces a translation of Django's."""
    return "Django" in entry.tcomment


def test_catalog_is_translated(catalog: polib.POFile) -> None:
    missing = [*catalog.untranslated_entries(), *catalog.fuzzy_entries()]
    assert [entry.msgid for entry in missing] == []


def test_translations_have_the_placeholders(catalog: polib.POFile) -> None:
    def placeholders(text: str) -> list[str]:
        return sorted(re.findall(r"%\(\w+\)[sdr]|\{\w+\}", text))

    for entry in catalog:
        expected = placeholders(entry.msgid_plural or entry.msgid)
        for text in entry.msgstr_plural.values() or [entry.msgstr]:
            if is_of_django(entry):  # which may repeat one
                assert set(placeholders(text)) == set(expected)
            else:
                assert placeholders(text) == expected


def test_compiled_catalog_is_up_to_date(catalog: polib.POFile) -> None:
    used = {entry.msgid: entry.msgstr for entry in polib.mofile(str(CATALOG / "django.mo"))}
    assert used == {entry.msgid: entry.msgstr for entry in catalog}


def test_catalog_replaces_translations_that_django_has(catalog: polib.POFile) -> None:
    root = Path(django.__file__).parent
    files = root.glob("**/locale/da/LC_MESSAGES/django.po")
    theirs = {entry.msgid for file in files for entry in polib.pofile(str(file))}
    assert {entry.msgid for entry in catalog if is_of_django(entry)} - theirs == set()


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
    own = {entry.msgid for entry in catalog if not is_of_django(entry)}
    assert {entry.msgid for entry in made} - own == set()
    assert own - {entry.msgid for entry in made} == set()

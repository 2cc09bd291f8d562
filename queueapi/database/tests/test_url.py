"""What a `mssql://` address becomes, up to the text that the driver is given."""

import socketserver
from threading import Thread
from urllib.parse import quote

import dj_database_url
import pytest
from django.core.exceptions import ImproperlyConfigured

from queueapi.database.tests.sql_server import HAS_PYODBC, needs_pyodbc
from queueapi.database.url import sql_server
from queueapi.tests.helpers import manage

URL = "mssql://robot:secret@sql.example.org:1433/OpenOrchestrator"
PRELOGIN = 0x12  # the first packet of a connection


def settings_of(url: str) -> dict:
    dj_database_url.register("mssql", "mssql")
    return sql_server(dj_database_url.parse(url), connection_timeout=5, query_timeout=10)


def text_for_the_driver(url: str, driver: str = "ODBC Driver 18 for SQL Server") -> str:
    if not HAS_PYODBC:
        pytest.skip("mssql-django needs unixODBC")
    from mssql.base import DatabaseWrapper  # noqa: PLC0415

    database = settings_of(url)
    wrapper = DatabaseWrapper({"OPTIONS": {}, "TIME_ZONE": None, **database})
    return wrapper._build_connection_string(database, driver)


def test_it_works() -> None:
    assert text_for_the_driver(URL) == (
        "SERVER=sql.example.org,1433;UID=robot;PWD=secret;DATABASE=OpenOrchestrator;encrypt=yes"
    )


def test_limits_are_set() -> None:
    options = settings_of(URL)["OPTIONS"]
    assert (options["connection_timeout"], options["query_timeout"]) == (5, 10)
    assert options["connection_retries"] == 0


@pytest.mark.parametrize("host", ["sql%5CSQLEXPRESS", "sql\\SQLEXPRESS"])
def test_a_named_instance(host: str) -> None:
    text = text_for_the_driver(f"mssql://robot:secret@{host}/db")
    assert "SERVER=sql\\sqlexpress;" in text.replace("SQLEXPRESS", "sqlexpress")


@pytest.mark.parametrize("driver", ["mssql_python", "pyodbc"])
def test_without_a_user_it_is_the_windows_account(driver: str) -> None:
    text = text_for_the_driver(f"mssql://sql/db?python_driver={driver}")
    assert "Trusted_Connection=yes" in text
    assert "UID" not in text


def test_pyodbc_is_chosen_by_name_and_has_no_mars() -> None:
    text = text_for_the_driver(f"{URL}?python_driver=pyodbc")
    assert "DRIVER=ODBC Driver 18 for SQL Server" in text
    assert "mars_connection=no" in text


def test_mssql_python_is_the_default_and_gets_nothing_that_it_refuses() -> None:
    assert settings_of(URL)["OPTIONS"]["python_driver"] == "mssql_python"
    assert "mars" not in text_for_the_driver(URL).lower()


def test_an_odbc_driver_can_be_named() -> None:
    url = f"{URL}?python_driver=pyodbc&driver=ODBC+Driver+17+for+SQL+Server"
    assert settings_of(url)["OPTIONS"]["driver"] == "ODBC Driver 17 for SQL Server"


def test_freetds_goes_to_the_host_and_port() -> None:
    text = text_for_the_driver(f"{URL}?python_driver=pyodbc&driver=FreeTDS", "FreeTDS")
    assert "DRIVER=FreeTDS;PORT=1433;SERVER=sql.example.org;" in text


@pytest.mark.parametrize("driver", ["FreeTDS", "/usr/lib/odbc/libtdsodbc.so"])
def test_a_driver_that_is_not_microsofts_is_told_to_encrypt_in_freetds_words(driver: str) -> None:
    parameters = settings_of(f"{URL}?python_driver=pyodbc&driver={driver}")["OPTIONS"]
    assert "encryption=require" in parameters["extra_params"].split(";")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?driver=FreeTDS",
        "?python_driver=pyodbc",
        "?python_driver=pyodbc&driver=ODBC+Driver+17+for+SQL+Server",
        "?python_driver=pyodbc&driver=SQL+Server+Native+Client+11.0",
    ],
)
def test_microsofts_drivers_are_not(query: str) -> None:
    assert "encryption" not in settings_of(URL + query)["OPTIONS"]["extra_params"]


def test_what_the_url_says_of_encryption_wins() -> None:
    url = f"{URL}?python_driver=pyodbc&driver=FreeTDS&Encryption=off"
    parameters = settings_of(url)["OPTIONS"]["extra_params"]
    assert parameters == "encrypt=yes;encryption=off;mars_connection=no"


class WithoutEncryption(socketserver.StreamRequestHandler):
    """An SQL Server that has none, up to the login. Notes what clients send."""

    # [MS-TDS] 2.2.6.5: a table of tokens, offsets and lengths; then a version, and "not supported".
    answer = bytes.fromhex("04 01 001a 0000 01 00 00 000b 0006 01 0011 0001 ff 10000fa00000 02")

    def handle(self) -> None:
        while header := self.rfile.read(8):
            packet = header + self.rfile.read(int.from_bytes(header[2:4]) - 8)
            self.server.packets.append(packet)
            if packet[0] != PRELOGIN:
                return
            self.wfile.write(self.answer)


@needs_pyodbc
def test_freetds_asks_for_encryption_and_sends_no_login_without_it() -> None:
    import pyodbc  # noqa: PLC0415  needs unixODBC

    if "FreeTDS" not in pyodbc.drivers():
        pytest.skip("needs FreeTDS (Debian's tdsodbc)")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), WithoutEncryption) as server:
        server.packets = []
        Thread(target=server.serve_forever).start()
        url = f"mssql://robot:secret@127.0.0.1:{server.server_address[1]}/db"
        text = text_for_the_driver(f"{url}?python_driver=pyodbc&driver=FreeTDS", "FreeTDS")
        with pytest.raises(pyodbc.Error):
            pyodbc.connect(text, timeout=5)
        server.shutdown()
    assert {packet[0] for packet in server.packets} == {PRELOGIN}
    encryption = int.from_bytes(server.packets[0][14:16])
    assert server.packets[0][8 + encryption] == 1  # on


def test_encryption_is_off_and_certificates_are_trusted_only_if_asked_for() -> None:
    asked = f"{URL}?Encrypt=no&TrustServerCertificate=yes"
    assert text_for_the_driver(asked).endswith(";encrypt=no;trustservercertificate=yes")
    assert "trust" not in text_for_the_driver(URL)


def test_the_driver_is_chosen_whatever_the_case_of_the_names() -> None:
    options = settings_of(f"{URL}?Python_Driver=pyodbc&Driver=FreeTDS")["OPTIONS"]
    assert (options["python_driver"], options["driver"]) == ("pyodbc", "FreeTDS")


def test_a_parameter_that_comes_twice_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="twice"):
        settings_of(f"{URL}?Encrypt=no&ENCRYPT=yes")


def test_a_parameter_is_given_once_whatever_its_case() -> None:
    assert text_for_the_driver(f"{URL}?encrypt=strict").lower().count("encrypt=") == 1


@pytest.mark.parametrize("value", ["a;Encrypt=no", "{x}", "a}b", "a=b"])
def test_a_value_stays_one_value(value: str) -> None:
    parameters = settings_of(f"{URL}?APP={quote(value)}")["OPTIONS"]["extra_params"]
    assert parameters == "app={" + value.replace("}", "}}") + "};encrypt=yes"


@pytest.mark.parametrize("name", ["a;b", "a%3Db", "%7B"])
def test_a_name_that_could_begin_another_parameter_is_refused(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="parameter"):
        settings_of(f"{URL}?{name}=x".replace(";", "%3B"))


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mssql://robot:secret@sql", "has to end in the database's name"),
        (f"{URL}?python_driver=odbc", "has to be mssql_python or pyodbc"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence_without_the_password(
    url: str, sentence: str
) -> None:
    result = manage("check", DATABASE_URL=url)
    assert sentence in result.stderr
    assert "secret" not in result.stderr
    assert result.stderr.count("\n") == 1

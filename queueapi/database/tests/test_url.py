"""Settings for a `mssql://` URL, and the connection string that mssql-django makes of them."""

import socketserver
from threading import Thread
from urllib.parse import quote

import pytest
from django.core.exceptions import ImproperlyConfigured

from queueapi.database.tests.sql_server import HAS_PYODBC, URL, needs_pyodbc, settings_of
from queueapi.tests.helpers import manage

PRELOGIN = 0x12  # the first packet of a connection


def connection_string(url: str, driver: str = "ODBC Driver 18 for SQL Server") -> str:
    if not HAS_PYODBC:
        pytest.skip("mssql-django needs unixODBC")
    from mssql.base import DatabaseWrapper  # noqa: PLC0415

    database = settings_of(url)
    wrapper = DatabaseWrapper({"OPTIONS": {}, "TIME_ZONE": None, **database})
    text: str = wrapper._build_connection_string(database, driver)
    return text


def test_it_works() -> None:
    assert connection_string(URL) == (
        "SERVER=sql.example.org,1433;UID=robot;PWD=secret;DATABASE=OpenOrchestrator;encrypt=yes"
    )


def test_time_outs_are_set() -> None:
    options = settings_of(URL)["OPTIONS"]
    assert (options["connection_timeout"], options["query_timeout"]) == (5, 10)
    assert options["connection_retries"] == 0


@pytest.mark.parametrize("host", ["sql%5CSQLEXPRESS", "sql\\SQLEXPRESS"])
def test_named_instance(host: str) -> None:
    text = connection_string(f"mssql://robot:secret@{host}/db")
    assert "SERVER=sql\\sqlexpress;" in text.replace("SQLEXPRESS", "sqlexpress")


@pytest.mark.parametrize("driver", ["mssql_python", "pyodbc"])
def test_url_without_user_logs_in_as_the_windows_account(driver: str) -> None:
    text = connection_string(f"mssql://sql/db?python_driver={driver}")
    assert "Trusted_Connection=yes" in text
    assert "UID" not in text


def test_pyodbc_has_no_mars() -> None:
    text = connection_string(f"{URL}?python_driver=pyodbc")
    assert "DRIVER=ODBC Driver 18 for SQL Server" in text
    assert "mars_connection=no" in text


def test_mssql_python_is_the_default_and_gets_no_mars_parameter() -> None:
    assert settings_of(URL)["OPTIONS"]["python_driver"] == "mssql_python"
    assert "mars" not in connection_string(URL).lower()


def test_odbc_driver_can_be_named() -> None:
    url = f"{URL}?python_driver=pyodbc&driver=ODBC+Driver+17+for+SQL+Server"
    assert settings_of(url)["OPTIONS"]["driver"] == "ODBC Driver 17 for SQL Server"


def test_freetds_connects_to_host_and_port() -> None:
    text = connection_string(f"{URL}?python_driver=pyodbc&driver=FreeTDS", "FreeTDS")
    assert "DRIVER=FreeTDS;PORT=1433;SERVER=sql.example.org;" in text


@pytest.mark.parametrize("driver", ["FreeTDS", "/usr/lib/odbc/libtdsodbc.so"])
def test_other_drivers_get_the_encryption_parameter_of_freetds(driver: str) -> None:
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
def test_drivers_of_microsoft_get_no_encryption_parameter_of_freetds(query: str) -> None:
    assert "encryption" not in settings_of(URL + query)["OPTIONS"]["extra_params"]


def test_encryption_in_the_url_takes_precedence() -> None:
    url = f"{URL}?python_driver=pyodbc&driver=FreeTDS&Encryption=off"
    parameters = settings_of(url)["OPTIONS"]["extra_params"]
    assert parameters == "encrypt=yes;encryption=off;mars_connection=no"


class Recorder(socketserver.ThreadingTCPServer):
    """Records the packets that clients send."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        super().__init__(("127.0.0.1", 0), WithoutEncryption)


class WithoutEncryption(socketserver.StreamRequestHandler):
    """Answers as an SQL Server without encryption, up to the login."""

    server: Recorder

    # [MS-TDS] 2.2.6.5: tokens with offsets and lengths, then the version, and "not supported".
    answer = bytes.fromhex("04 01 001a 0000 01 00 00 000b 0006 01 0011 0001 ff 10000fa00000 02")

    def handle(self) -> None:
        while header := self.rfile.read(8):
            packet = header + self.rfile.read(int.from_bytes(header[2:4]) - 8)
            self.server.packets.append(packet)
            if packet[0] != PRELOGIN:
                return
            self.wfile.write(self.answer)


@needs_pyodbc
def test_freetds_sends_no_login_without_encryption() -> None:
    import pyodbc  # noqa: PLC0415  needs unixODBC

    if "FreeTDS" not in pyodbc.drivers():
        pytest.skip("needs FreeTDS (Debian's tdsodbc)")
    with Recorder() as server:
        Thread(target=server.serve_forever).start()
        url = f"mssql://robot:secret@127.0.0.1:{server.server_address[1]}/db"
        text = connection_string(f"{url}?python_driver=pyodbc&driver=FreeTDS", "FreeTDS")
        with pytest.raises(pyodbc.Error):
            pyodbc.connect(text, timeout=5)
        server.shutdown()
    assert {packet[0] for packet in server.packets} == {PRELOGIN}
    encryption = int.from_bytes(server.packets[0][14:16])
    assert server.packets[0][8 + encryption] == 1  # encryption on


def test_encryption_is_on_and_certificates_are_checked_unless_the_url_says_otherwise() -> None:
    url = f"{URL}?Encrypt=no&TrustServerCertificate=yes"
    assert connection_string(url).endswith(";encrypt=no;trustservercertificate=yes")
    assert "trust" not in connection_string(URL)


def test_names_of_drivers_parameters_are_case_insensitive() -> None:
    options = settings_of(f"{URL}?Python_Driver=pyodbc&Driver=FreeTDS")["OPTIONS"]
    assert (options["python_driver"], options["driver"]) == ("pyodbc", "FreeTDS")


def test_repeated_parameter_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="twice"):
        settings_of(f"{URL}?Encrypt=no&ENCRYPT=yes")


def test_parameter_of_another_case_replaces_the_default() -> None:
    assert connection_string(f"{URL}?encrypt=strict").lower().count("encrypt=") == 1


@pytest.mark.parametrize("value", ["a;Encrypt=no", "{x}", "a}b", "a=b"])
def test_special_characters_in_a_value_are_escaped(value: str) -> None:
    parameters = settings_of(f"{URL}?APP={quote(value)}")["OPTIONS"]["extra_params"]
    assert parameters == "app={" + value.replace("}", "}}") + "};encrypt=yes"


@pytest.mark.parametrize("name", ["a;b", "a%3Db", "%7B"])
def test_special_characters_in_a_name_are_refused(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="parameter"):
        settings_of(f"{URL}?{name}=x".replace(";", "%3B"))


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mssql://robot:secret@sql", "has to end in the database's name"),
        (f"{URL}?python_driver=odbc", "has to be mssql_python or pyodbc"),
    ],
)
def test_error_is_one_line_without_the_password(url: str, sentence: str) -> None:
    result = manage("check", DATABASE_URL=url)
    assert sentence in result.stderr
    assert "secret" not in result.stderr
    assert result.stderr.count("\n") == 1

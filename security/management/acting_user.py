"""Who is at the command line, for the history of bans."""

import getpass


def operator() -> str:
    try:
        return f"manage.py ({getpass.getuser()})"
    except (OSError, KeyError):  # an account without a name, as in some containers
        return "manage.py"

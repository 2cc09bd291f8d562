"""The user of manage.py, for the history of bans."""

import getpass


def acting_user() -> str:
    try:
        return f"manage.py ({getpass.getuser()})"
    except (OSError, KeyError):  # an account without a name, as in some containers
        return "manage.py"

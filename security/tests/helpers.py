from io import StringIO

from django.core.management import call_command


def run(*arguments: str) -> tuple[str, str]:
    """What a management command prints on stdout and on stderr."""
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()

"""Serve another candidate with the Waitress options of `manage.py serve` that affect speed."""

import argparse
from importlib import import_module
from typing import Any

from waitress.server import create_server


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("module", help="module with the WSGI `application`")
    parser.add_argument("--threads", type=int, default=4)
    arguments = parser.parse_args()
    server: Any = create_server(
        import_module(arguments.module).application,
        host="127.0.0.1",
        port=0,
        threads=arguments.threads,
        connection_limit=400,
        max_request_header_size=32 * 1024,
        send_bytes=18000,
        clear_untrusted_proxy_headers=False,
        ident=None,
        asyncore_use_poll=True,
    )
    print(f"Serving on http://127.0.0.1:{server.effective_port}/", flush=True)
    server.run()


if __name__ == "__main__":
    main()

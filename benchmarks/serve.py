"""Serve another candidate with the Waitress options of `manage.py serve` that affect speed."""

import sys
from importlib import import_module
from typing import Any

from waitress.server import create_server

server: Any = create_server(
    import_module(sys.argv[1]).application,
    host="127.0.0.1",
    port=0,
    threads=4,
    connection_limit=400,
    max_request_header_size=32 * 1024,
    send_bytes=18000,
    clear_untrusted_proxy_headers=False,
    ident=None,
    asyncore_use_poll=True,
)
print(f"Serving on http://127.0.0.1:{server.effective_port}/", flush=True)
server.run()

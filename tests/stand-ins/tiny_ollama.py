#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The least of `ollama`: `serve` listens on OLLAMA_HOST and lists no models, `pull NAME` says that it did."""
import http.server
import os
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b'{"models":[]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


if sys.argv[1] == "pull":
    print("pulled", sys.argv[2], flush=True)
elif sys.argv[1] == "serve":
    host, port = os.environ["OLLAMA_HOST"].rsplit(":", 1)
    http.server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An engine that writes down each question that it was asked, and answers with the question.

    ledger_engine.py HOST PORT KEY_FILE LEDGER

A question is a line in LEDGER when it was read. While the file LEDGER.hold exists, answers wait. A question that begins with
`no` is refused with 400, one with `never` gets 500, one with `once` gets 500 the first time, and `die` ends the engine the
first time.
"""
import http.server
import json
import os
import sys
import threading
import time

host, port, key_file, ledger = sys.argv[1:5]
key = open(key_file).read().strip()
lock = threading.Lock()


def note(text):
    """Whether it is there for the first time."""
    with lock, open(ledger, "a+") as f:
        f.seek(0)
        first = text + "\n" not in f.read() if text.startswith(("once", "die")) else True
        f.write(text + "\n")
        return first


class Engine(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        known = self.headers.get("Authorization") == "Bearer " + key
        self.answer(200 if known or self.path == "/health" else 401, {"data": []})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers.get("Authorization") != "Bearer " + key:
            return self.answer(401, {})
        if "messages" not in body:  # the daemon's proof
            return self.answer(400, {})
        text = body["messages"][-1]["content"]
        first = note(text)
        while os.path.exists(ledger + ".hold"):
            time.sleep(0.02)
        if text.startswith("die") and first:
            os._exit(1)
        if text.startswith("no"):
            return self.answer(400, {"error": {"message": "not that", "code": 400}})
        if text.startswith("never") or (text.startswith("once") and first):
            return self.answer(500, {"error": {"message": "out of order"}})
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        self.answer(200, {"choices": [choice], "model": body.get("model"),
                          "usage": {"prompt_tokens": 1, "completion_tokens": 1}})

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


Server((host, int(port)), Engine).serve_forever()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The least that an engine is: it listens where it is told, says that it is healthy, and refuses a wrong key.

Options make it late, deaf or mortal, so that a job script can be seen to cope. It writes its process id into the file
`engine.pid` of its working directory, and its arguments into `engine.argv`, one a line.
"""
import argparse
import http.server
import os
import signal
import threading
import time


def options():
    p = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    p.add_argument("--host", default="127.0.0.1")
    p.add_argument("--port", type=int, required=True)
    p.add_argument("--api-key-file")
    p.add_argument("--delay", type=float, default=0, help="seconds before it listens")
    p.add_argument("--die-after", type=float, help="seconds, from its start")
    p.add_argument("--status", type=int, default=1, help="with which it dies")
    p.add_argument("--deaf", action="store_true", help="ignore TERM")
    p.add_argument("--close-after", type=float, help="seconds after which it closes its socket and lives on")
    p.add_argument("rest", nargs="*")
    return p.parse_known_args()[0]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def say(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.say(200, b'{"status":"ok"}')

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != "Bearer " + self.server.key:
            self.say(401, b'{"error":{"message":"Invalid API Key"}}')
        else:
            self.say(400, b'{"error":{"message":"\\"messages\\" is required"}}')

    def log_message(self, *args):
        pass


def main():
    o = options()
    with open("engine.argv", "w") as f:
        f.write("\n".join(open("/proc/self/cmdline").read().split("\0")))
    with open("engine.pid", "w") as f:
        f.write(str(os.getpid()))
    if o.deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if o.die_after is not None:
        threading.Timer(o.die_after, os._exit, [o.status]).start()
    time.sleep(o.delay)
    server = http.server.HTTPServer((o.host, o.port), Handler)
    server.key = open(o.api_key_file).readline().strip() if o.api_key_file else ""
    print("listening", flush=True)
    if o.close_after is not None:
        threading.Timer(o.close_after, server.socket.close).start()
        time.sleep(1000)
    server.serve_forever()


main()

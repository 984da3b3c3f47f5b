# SPDX-License-Identifier: MIT
"""The job's own relay: it stands before an engine that knows no key and asks for the secret.

    python3 relay.py --health PATH [--pull MODEL]... [--keep-key] -- COMMAND...

It starts COMMAND, with {host} and {port} in its words replaced by a loopback address that it chooses, listens on SFS_HOST and
SFS_PORT itself, and passes on every request that has the job's secret as a bearer token. One request a connection: after its
head, bytes go both ways as they come until either side closes, so that streams, chunks and upgrades need no understanding.

Without the secret there is 401, save for a GET or HEAD of the health path: 503 with the progress while models are pulled and
nobody listens, then the engine's own answer. GET /slullamafs/key is the relay's own: 204 for who has the secret.

Nothing is passed on before the listening socket was seen to belong to COMMAND or a child of it. When COMMAND ends, so does the
relay, with its exit status. It runs with Python 3.6 and its standard library; job.sh says what is in the environment.
"""
import argparse
import asyncio
import hmac
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

HEAD_MAX = 65536  # bytes of a request's head, as the gateway's own limit
LINGER_SECONDS = 2  # for the rest of a request that was answered before its end
HEAD_SECONDS = 30  # a client that has not sent its head by then is gone
PIECE = 65536  # bytes at a time; no more than this and the socket's buffers wait for a slow reader
STATE_LINES = 60  # lines of progress in the file `state`: the daemon reads the first 16 KiB of it
OPEN_MAX = 512  # connections at a time: ten times what slots are good for, and half of the usual limit of descriptors


def log(text):
    print("slullamafs: " + text, file=sys.stderr, flush=True)


class Teller:
    """What the daemon is told while the engine starts: by the file `state`, and by 503 of the health path."""

    def __init__(self):
        self.text, self.progress, self.lines, self.told = "the engine starts", None, 0, 0.0

    def say(self, text, progress=None):
        news = text != self.text
        self.text, self.progress = text, progress
        log(text if progress is None else "%s, %.0f %%" % (text, progress * 100))
        now = time.monotonic()
        if self.lines >= STATE_LINES or not (news or now - self.told >= 5):
            return
        self.lines, self.told = self.lines + 1, now
        value = "" if progress is None else "value=%.2f " % progress
        self.append("progress %stext=%s" % (value, " ".join(text.split())[:100]))

    @staticmethod
    def append(line):
        try:
            with open(os.path.join(os.environ["SFS_DIR"], "state"), "a") as f:
                f.write(line + "\n")
        except OSError:
            pass  # full or not there: the health path tells it too

    def error(self, text):
        text = " ".join(text.split())
        self.append("error text=" + text[:300])
        log(text)

    def body(self):
        error = {"code": 503, "message": self.text, "type": "unavailable_error"}
        if self.progress is not None:
            error["progress"] = round(self.progress, 2)
        return json.dumps({"error": error}).encode()


# ---- Whose socket is it?


def listeners(port):
    """(address in hexadecimal, inode) of each socket that listens on the port; proc(5), /proc/net/tcp."""
    found = []
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(name) as f:
                rows = [line.split() for line in f.readlines()[1:]]
        except OSError:
            continue
        for row in rows:
            address, _, hexport = row[1].rpartition(":")
            if row[3] == "0A" and int(hexport, 16) == port:
                found.append((address, row[9]))
    return found


def family(root):
    """The processes that descend from root, with it."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as f:
                    parents[int(name)] = int(f.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
    members = {root}
    while True:
        more = {pid for pid, parent in parents.items() if parent in members} - members
        if not more:
            return members
        members |= more


def holds(pids, inode):
    for pid in pids:
        try:
            links = os.listdir("/proc/%d/fd" % pid)
        except OSError:
            continue
        for fd in links:
            try:
                if os.readlink("/proc/%d/fd/%s" % (pid, fd)) == "socket:[%s]" % inode:
                    return True
            except OSError:
                continue
    return False


def is_loopback(address):
    return address in ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")


# ---- The engine behind it


class Engine:
    def __init__(self, words, teller):
        self.words, self.teller, self.port, self.process, self.ours = words, teller, 0, None, False

    def choose_port(self):
        # Below the range from which the kernel takes the ports of clients.
        for _ in range(1000):
            port = 20000 + random.randrange(12768)
            with socket.socket() as s:
                try:
                    s.bind(("127.0.0.1", port))
                except OSError:
                    continue
            if not listeners(port):
                return port
        raise RuntimeError("no port is free on loopback")

    def start(self):
        self.port, self.ours = self.choose_port(), False
        env = dict(os.environ, SFS_HOST="127.0.0.1", SFS_PORT=str(self.port), OLLAMA_HOST="127.0.0.1:%d" % self.port)
        words = [w.replace("{host}", "127.0.0.1").replace("{port}", str(self.port)) for w in self.words]
        self.process = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL)

    def is_ours(self):
        """Does the engine, and nobody else, listen on its port? Looked up until it is so; the port stays its own after that."""
        if self.ours or self.process.poll() is not None:
            return self.ours
        found = listeners(self.port)
        if not found:
            return False
        members = family(self.process.pid)
        if not all(holds(members, inode) for _, inode in found):
            return False
        if not all(is_loopback(address) for address, _ in found):
            self.open_to_all()
        self.ours = True
        return True

    def open_to_all(self):
        if os.environ.get("SFS_EXPOSE") == "1":
            self.teller.append("exposed to=cluster")
            return
        self.teller.error("the engine listens on all addresses of its node, where anybody can reach it without a key: let it "
                          "listen on {host}, or set expose = true")
        self.process.terminate()
        os._exit(77)

    def wait(self, first_s):
        """Until it ends; its status. One that ends early because somebody took its port begins again on another."""
        for attempt in range(5):
            began = time.monotonic()
            if attempt:
                self.start()
            status = self.process.wait()
            taken = not self.ours and listeners(self.port) and time.monotonic() - began < first_s
            if status == 0 or not taken:
                break
            log("port %d was in use, the engine is started again on another" % self.port)
        return status if status >= 0 else 128 - status


# ---- Pulling Ollama's models


def pull(engine, model, teller):
    """POST /api/pull: a line of JSON a step, of a layer with total and completed. Source: Ollama's docs/api.md."""
    teller.say("pulling " + model)
    c = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=600)
    c.request("POST", "/api/pull", json.dumps({"model": model, "name": model}), {"Content-Type": "application/json"})
    answer = c.getresponse()
    layers, last, said, done = {}, -1.0, "", answer.status == 200
    success = False
    for line in answer:
        try:
            step = json.loads(line.decode("utf-8", "replace"))
        except ValueError:
            continue
        if step.get("error"):
            raise RuntimeError("pulling %s: %s" % (model, step["error"]))
        if step.get("total"):
            layers[step.get("digest", "")] = (step.get("completed") or 0, step["total"])
            value = sum(a for a, _ in layers.values()) / sum(b for _, b in layers.values())
            if value >= last + 0.01 or value < last:
                last = value
                teller.say("pulling " + model, min(1.0, value))
        elif step.get("status") and step["status"] != said:
            said = step["status"]
            log("%s: %s" % (model, said))
        success = success or step.get("status") == "success"
    if not done or not success:
        raise RuntimeError("pulling %s: the answer was %d %s and had no success in it" % (model, answer.status, answer.reason))


def has_model(engine, model):
    """Is it there? `name` means `name:latest`. Then the network is not asked, which a compute node may not have."""
    c = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=60)
    c.request("GET", "/api/tags")
    models = json.loads(c.getresponse().read().decode()).get("models") or []
    names = {m.get("name") for m in models} | {m.get("model") for m in models}
    return model in names or model + ":latest" in names


def pull_all(engine, models, teller):
    for model in models:
        if not has_model(engine, model):
            pull(engine, model, teller)


# ---- The relay


class Relay:
    def __init__(self, options, engine, teller, secret):
        self.options, self.engine, self.teller = options, engine, teller
        self.expect = b"bearer " + secret.encode()
        self.ready = not options.pull
        self.open = 0

    def may(self, fields):
        given = [v for k, v in fields if k == b"authorization"]
        if len(given) != 1:
            return False
        scheme, _, token = given[0].partition(b" ")
        return hmac.compare_digest(scheme.lower() + b" " + token.strip(), self.expect)

    @staticmethod
    async def read_head(reader):
        """The words of its first line, the names and values of its fields, and their lines; None for no request. RFC 9112."""
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
        lines = head[:-4].split(b"\r\n")
        words = lines[0].split(b" ")
        fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not name or name != name.strip():
                return None
            fields.append((name.lower(), value.strip()))
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return None
        return words, fields, lines[1:]

    async def reply(self, reader, writer, status, body, head_only=False):
        """An answer of our own, whole."""
        kind = b"Content-Type: application/json\r\n" if body else b""
        retry = b"Retry-After: 2\r\n" if status.startswith(b"503") else b""
        challenge = b"WWW-Authenticate: Bearer\r\n" if status.startswith(b"401") else b""
        length = b"" if status.startswith(b"204") else b"Content-Length: %d\r\n" % len(body)
        writer.write(b"HTTP/1.1 " + status + b"\r\n" + kind + retry + challenge + length + b"Connection: close\r\n\r\n"
                     + (b"" if head_only else body))
        await writer.drain()
        await self.linger(reader, writer)

    @staticmethod
    async def linger(reader, writer):
        """Let what a client still sends run dry: a socket that is closed with bytes unread takes the answer with it."""
        async def drain():
            while await reader.read(PIECE):
                pass

        writer.write_eof()
        await asyncio.wait_for(drain(), LINGER_SECONDS)

    async def serve(self, reader, writer):
        head = await self.read_head(reader)
        if not head:
            await self.reply(reader, writer, b"400 Bad Request", b'{"error":{"message":"this is no HTTP request"}}')
            return
        words, fields, lines = head
        path = words[1].partition(b"?")[0]
        is_head = words[0] == b"HEAD"
        is_health = words[0] in (b"GET", b"HEAD") and path == self.options.health.encode()
        if not is_health and not self.may(fields):
            await self.reply(reader, writer, b"401 Unauthorized", b'{"error":{"message":"a wrong key, or none"}}', is_head)
        elif path == b"/slullamafs/key":
            await self.reply(reader, writer, b"204 No Content", b"")
        elif not self.ready or not self.engine.is_ours():
            await self.reply(reader, writer, b"503 Service Unavailable", self.teller.body(), is_head)
        else:
            await self.pass_on(reader, writer, self.rewrite(words, fields, lines))

    def rewrite(self, words, fields, lines):
        """The head as the engine gets it. An upgrade keeps its Connection; all else ends with its answer.

        Ollama on loopback answers 403 to a Host that is not this machine's.
        """
        upgrade = any(name == b"upgrade" for name, _ in fields)
        out = [b" ".join(words), b"Host: 127.0.0.1:%d" % self.engine.port]
        for (name, _), line in zip(fields, lines):
            if name == b"host" or (name == b"authorization" and not self.options.keep_key):
                continue
            if name in (b"connection", b"keep-alive", b"proxy-connection") and not upgrade:
                continue
            out.append(line)
        if not upgrade:
            out.append(b"Connection: close")
        return b"\r\n".join(out) + b"\r\n\r\n"

    async def pass_on(self, reader, writer, head):
        try:
            there, here = await asyncio.open_connection("127.0.0.1", self.engine.port, limit=PIECE)
        except OSError as e:
            text = {"error": {"message": "the engine cannot be reached: %s" % e}}
            await self.reply(reader, writer, b"503 Service Unavailable", json.dumps(text).encode())
            return
        here.write(head)
        up = asyncio.ensure_future(self.pump(reader, here))
        down = asyncio.ensure_future(self.pump(there, writer))
        try:
            # Whoever closes first ends it: a client that leaves must not keep the engine at work.
            done, _ = await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            here.transport.abort()
        if down in done:
            await self.linger(reader, writer)

    @staticmethod
    async def pump(reader, writer):
        while True:
            data = await reader.read(PIECE)
            if not data:
                return
            writer.write(data)
            await writer.drain()

    async def connected(self, reader, writer):
        self.open += 1
        try:
            if self.open > OPEN_MAX:
                await self.reply(reader, writer, b"503 Service Unavailable", b'{"error":{"message":"too many connections"}}')
            else:
                await self.serve(reader, writer)
        except (OSError, EOFError, asyncio.TimeoutError, asyncio.LimitOverrunError):
            pass  # the client left, or never sent a head
        finally:
            self.open -= 1
            writer.close()


# ---- Beginning and end


def boot(relay, engine, teller):
    """In a thread of its own: wait until the engine listens and pull what it is to have."""
    try:
        while not engine.is_ours():
            time.sleep(0.1)
        pull_all(engine, relay.options.pull, teller)
        if relay.options.pull:
            teller.say("the engine is up")
        relay.ready = True
    except (OSError, RuntimeError, ValueError, AttributeError, http.client.HTTPException) as e:
        if engine.process.poll() is None:
            teller.error(str(e) or repr(e))
            engine.process.terminate()
            os._exit(70)


def watch(engine):
    status = engine.wait(30)
    sys.stdout.flush()
    os._exit(status)


def read_options():
    """What stands behind the first -- is the engine's, whatever it looks like."""
    split = sys.argv.index("--")
    p = argparse.ArgumentParser()
    p.add_argument("--health", required=True)
    p.add_argument("--pull", action="append", default=[])
    p.add_argument("--keep-key", action="store_true", help="the engine gets the bearer token too")
    options = p.parse_args(sys.argv[1:split])
    options.command = sys.argv[split + 1:]
    return options


def main():
    options = read_options()
    with open(os.environ["SFS_KEY_FILE"]) as f:
        secret = f.readline().strip()
    teller = Teller()
    engine = Engine(options.command, teller)
    relay = Relay(options, engine, teller, secret)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    make = asyncio.start_server(relay.connected, os.environ["SFS_HOST"], int(os.environ["SFS_PORT"]), limit=HEAD_MAX, backlog=256)
    try:
        loop.run_until_complete(make)
    except OSError as e:
        log(str(e))  # job.sh looks for "address already in use" and tries another port
        sys.exit(1)
    teller.append("exposed to=node")
    engine.start()
    signal.signal(signal.SIGTERM, lambda *_: (engine.process.terminate(), os._exit(143)))
    threading.Thread(target=boot, args=(relay, engine, teller), daemon=True).start()
    threading.Thread(target=watch, args=(engine,), daemon=True).start()
    loop.run_forever()


main()

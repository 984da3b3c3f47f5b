#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Bodies of requests that are too long to be held in memory: they go to the engine while they come, as fast as it reads them.
. "$(dirname "$0")/lib.sh"

# A web service that says how long a body is and what its sum is, waits for a file before it reads one, or hangs up in the middle.
cat > "$T/service.py" <<- 'END'
	import http.server, os, socket, struct, sys, time, zlib
	class Service(http.server.BaseHTTPRequestHandler):
	    protocol_version = "HTTP/1.1"
	    def pieces(self):
	        if self.headers.get("Transfer-Encoding") == "chunked":
	            while (left := int(self.rfile.readline(), 16)):
	                yield self.rfile.read(left)
	                self.rfile.readline()
	            self.rfile.readline()
	        else:
	            left = int(self.headers["Content-Length"])
	            while left > 0:
	                piece = self.rfile.read(min(left, 1 << 16))
	                left -= len(piece)
	                yield piece
	    def say(self, text):
	        self.send_response(200)
	        self.send_header("Content-Length", str(len(text)))
	        self.end_headers()
	        self.wfile.write(text.encode())
	    def do_GET(self):
	        self.say("page")
	    def do_POST(self):
	        if self.path == "/hang-up":
	            self.rfile.read(3000000)
	            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
	            self.close_connection = True
	            return
	        while self.path == "/wait" and not os.path.exists(sys.argv[3]):
	            time.sleep(0.02)
	        length = total = 0
	        for piece in self.pieces():
	            length += len(piece)
	            total = zlib.crc32(piece, total)
	        self.say(f"{length} {total} {self.headers.get('Transfer-Encoding')}")
	http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Service).serve_forever()
	END

mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	cors_origins = ["https://page.example"]
	[model.parrot]
	engine = "parrot"
	[model.store]
	engine = "http"
	slots = 2
	command = ["python3", "$T/service.py", "{host}", "{port}", "$T/go"]
	health = "/test"
	END
U=$(cat "$M/endpoint")
C=(curl -sS --max-time 120 --noproxy '*')
rss() { # of the daemon, in MB
	awk '/VmRSS/ { print int($2 / 1000) }' "/proc/$(daemon_pid)/status"
}

head -c 1000000 /dev/urandom > "$T/piece"
for ((i = 0; i < 100; i++)); do
	cat "$T/piece"
done > "$T/body"
sum=$(python3 -c 'import sys, zlib; print(zlib.crc32(open(sys.argv[1], "rb").read()))' "$T/body")
is 'a service that sleeps gets 100 MB' "$("${C[@]}" --data-binary "@$T/body" "$U/store/up")" "100000000 $sum None"
is 'and in chunks' "$("${C[@]}" -H 'Transfer-Encoding: chunked' --data-binary @- "$U/store/up" < "$T/body")" "100000000 $sum chunked"
head -c 40000000 "$T/body" > "$T/part"
sum=$(python3 -c 'import sys, zlib; print(zlib.crc32(open(sys.argv[1], "rb").read()))' "$T/part")
is 'on one connection with what follows' "$("${C[@]}" --data-binary "@$T/part" "$U/store/up" --next "${C[@]:1}" -w ' %{num_connects}' "$U/store/up")" "40000000 ${sum} Nonepage 0"

# --- where nobody reads it

head -c 3000000 "$T/body" > "$T/three"
preflight=(-X OPTIONS -H 'Origin: https://page.example' -H 'Access-Control-Request-Method: POST')
is 'a preflight with a long body is answered once, and the connection ends' \
	"$("${C[@]}" -i "${preflight[@]}" -H Expect: --data-binary "@$T/three" "$U/v1/models" | grep -ciE '^HTTP/1.1 200|^connection: close')" 2
is 'what an engine may answer is not too long' "$("${C[@]}" -H Expect: --data-binary "@$T/three" -o "$T/page" -w '%{http_code}' "$U/parrot/v1/messages/count_tokens")" 503
is 'a page keeps no long body' "$("${C[@]}" -X GET -H Expect: --data-binary "@$T/three" -o "$T/page" -w '%{http_code}' "$U/")" 413

# --- a service that does not read
before=$(rss)
clients=()
for n in 1 2 3 4; do
	"${C[@]}" -H 'Expect:' --data-binary "@$T/part" "$U/store/wait" > "$T/answer.$n" &
	clients+=($!)
	children+=($!)
done
ok 'as many as have a slot are sent, the others wait' wait_for 60 jq -e '.requests.active == 2 and .requests.waiting == 2' "$M/store/status"
stuck() { # nobody took more of the bodies since it was asked last, for ten times
	local pid sent=
	for pid in "${clients[@]}"; do
		sent+=" $(awk '/^wchar/ { print $2 }' "/proc/$pid/io")"
	done
	[ "$sent" = "$last" ] || still=0
	last=$sent
	((++still > 10))
}
last='' still=0
ok 'all of them are stopped' wait_for 60 stuck
grown=$(($(rss) - before))
ok "and held in little memory ($grown MB of 160)" [ "$grown" -lt 60 ]
kill "${clients[3]}"
ok 'one that leaves is noticed, although it is not read from' wait_for 20 jq -e '.requests.waiting + .requests.active == 3' "$M/store/status"
kill "${clients[0]}"
ok 'in any place' wait_for 20 jq -e '.requests.active == 2 and .requests.waiting == 0' "$M/store/status"
touch "$T/go"
wait "${clients[1]}" "${clients[2]}"
is 'the others go on where they stopped' "$(cat "$T/answer.2" "$T/answer.3")" "40000000 $sum None40000000 $sum None"
ok 'and the service is idle' wait_for 20 jq -e '.requests.active == 0' "$M/store/status"

# --- ends in the middle
like 'an engine that hangs up is told' "$("${C[@]}" -w ' %{http_code}' --data-binary "@$T/body" "$U/store/hang-up")" 'too long to be kept.* 502$'
timeout 1 "${C[@]}" -H 'Expect:' --limit-rate 3M --data-binary "@$T/body" "$U/store/up"
ok 'a client that leaves in the middle is forgotten' wait_for 20 jq -e '.requests.active == 0' "$M/store/status"
is 'and the service takes the next' "$("${C[@]}" --data-binary "@$T/piece" "$U/store/up" | cut -d ' ' -f 1)" 1000000

# --- JSON
long() { # long BEGINNING END: a body of 5 MB
	printf '%s' "$1"
	head -c 5000000 /dev/zero | tr '\0' x
	printf '%s' "$2"
}
ask() { # the body on standard input; the answer, its status behind it
	"${C[@]}" -w ' %{http_code}' --data-binary @- "$U/v1/chat/completions"
}
echo hello > "$M/parrot/ask"
cat "$M/parrot/reply" > "$T/reply"
like 'a question of 5 MB with the model in front is answered' "$(long '{"model":"parrot","messages":[{"role":"user","content":"one two"}],"user":"' '"}' | ask)" 'two.* 200$'
like 'one with the model at its end' "$(long '{"messages":[{"role":"user","content":"one two"}],"user":"' '","model":"parrot"}' | ask)" 'two.* 200$'
like 'one that names a second one there is refused' "$(long '{"model":"parrot","messages":[{"role":"user","content":"one two"}],"user":"' '","model":"store"}' | ask)" 'twice.* 400$'
like 'and one that is cut short' "$(long '{"model":"parrot","messages":[{"role":"user","content":"one two"}],"user":"' '"' | ask)" 'not a JSON object.* 400$'
ok 'none is left' wait_for 20 jq -e '.requests.active == 0' "$M/parrot/status"
ok 'nothing is wrong in the log' no_complaints
ok 'unmount' unmount
done_testing

#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What goes through the gateway beside questions and their answers: other protocols, and forms with files.
. "$(dirname "$0")/lib.sh"

# A web service of which a page, or a connection of bytes that comes back in capitals, can be had.
cat > "$T/service.py" <<- 'END'
	import http.server, sys
	class Service(http.server.BaseHTTPRequestHandler):
	    protocol_version = "HTTP/1.1"
	    def do_GET(self):
	        if self.headers.get("Upgrade") == "shout":
	            self.send_response(101)
	            self.send_header("Connection", "Upgrade")
	            self.send_header("Upgrade", "shout")
	            self.end_headers()
	            self.close_connection = True
	            while (line := self.rfile.readline()) and line != b"enough\n":
	                self.wfile.write(line.upper())
	            self.wfile.write(b"bye\n")
	        else:
	            self.send_response(426 if "Upgrade" in self.headers else 200)
	            self.send_header("Content-Length", "5")
	            self.end_headers()
	            self.wfile.write(b"page\n")
	http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Service).serve_forever()
END

mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[model.parrot]
	engine = "parrot"
	[model.other]
	engine = "parrot"
	[model.shout]
	engine = "http"
	slots = 1
	command = ["python3", "$T/service.py", "{host}", "{port}"]
	health = "/test"
END
U=$(cat "$M/endpoint")
port=${U##*:}
C=(curl -sS --max-time 60 --noproxy '*')

# --- another protocol
change() { # change TO: on the descriptors of the coprocess, from here on
	printf 'GET /shout/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n' "$1"
}
coproc WS { exec timeout 120 socat -t 0.5 - "TCP:127.0.0.1:$port"; }
ws=$WS_PID
exec {to}>&"${WS[1]}" {from}<&"${WS[0]}"
change shout >&"$to"
head=
while IFS= read -r -t 60 -u "$from" line && line=${line%$'\r'} && [ -n "$line" ]; do
	head+="$line|"
done
like 'a service that sleeps is woken and agrees' "$head" '^HTTP/1.1 101 .*\|Upgrade: shout\|'
like 'by a job of its own' "$head" "X-Slullama-Job: $(basename "$(readlink "$M/shout/job")")\|"
echo hello >&"$to"
IFS= read -r -t 60 -u "$from" line
is 'bytes go there and come back' "$line" HELLO
is 'the model is busy with it' "$(status_of shout requests.active)" 1
is 'but has its slot for others' "$("${C[@]}" "$U/shout/" -H 'X: y')" page
echo again >&"$to"
IFS= read -r -t 60 -u "$from" line
is 'and it goes on' "$line" AGAIN
echo enough >&"$to"
IFS= read -r -t 60 -u "$from" line
is 'until the service has enough' "$line" bye
read -r -t 60 -u "$from" line
is 'which is the end' "$?" 1
exec {to}>&- {from}<&-
wait "$ws"
ok 'the model is idle again' wait_for 20 jq -e '.requests.active == 0 and .requests.done == 2' "$M/shout/status"
like 'a refusal is an answer' "$("${C[@]}" -i -H 'Connection: Upgrade' -H 'Upgrade: whisper' "$U/shout/ws" | tr -d '\r' | tr '\n' '|')" '^HTTP/1.1 426 .*\|\|page\|$'
is 'HTTP/2 is not offered to an engine' "$("${C[@]}" -o /dev/null -w '%{http_code} %{http_version}' --http2 "$U/shout/")" '200 1.1'
is 'a model that answers questions is not woken by it' "$("${C[@]}" -o /dev/null -w '%{http_code}' -H 'Connection: Upgrade' -H 'Upgrade: websocket' "$U/parrot/v1/realtime") $(status_of parrot state)" '503 asleep'

is 'nor one that does not know which' "$("${C[@]}" -o /dev/null -w '%{http_code}' -H 'Connection: Upgrade' -H 'Upgrade: websocket' "$U/v1/realtime")" 404
is 'the address may say it' "$("${C[@]}" -w '%{http_code}' -H 'Connection: Upgrade' -H 'Upgrade: whisper' "$U/v1/realtime?intent=x&model=shou%74")" $'page\n426'
like 'and may say it wrongly' "$("${C[@]}" -H 'Connection: Upgrade' -H 'Upgrade: whisper' "$U/v1/realtime?model=shut")" 'did you mean ..shout..\?'

# --- JSON that costs much to read
like 'the model at the end of 50 MB is found' "$({ printf '{"metadata":"'; head -c 50000000 /dev/zero | tr '\0' x; printf '","model":"parot"}'; } | "${C[@]}" -w ' %{http_code}' --data-binary @- "$U/v1/chat/completions")" 'did you mean ..parrot..\?.* 404$'
like 'what is nested too deeply is refused' "$({ printf '{"model":"parrot","a":'; head -c 1000000 /dev/zero | tr '\0' '['; } | "${C[@]}" -w ' %{http_code}' --data-binary @- "$U/v1/chat/completions")" 'not a JSON object.* 400$'
like 'what is cut short is refused' "$("${C[@]}" -w ' %{http_code}' -d '{"model":"parrot","messages":[{"role":"us' "$U/v1/chat/completions")" 'not a JSON object.* 400$'
is 'a model that is no text is refused' "$("${C[@]}" -o /dev/null -w '%{http_code}' -d '{"model":["parrot"]}' "$U/v1/chat/completions")" 400

# --- forms
head -c 3000000 /dev/urandom > "$T/sound"
form() { # form FIELDS...: the status and the answer to a form with a file and these
	"${C[@]}" -w ' %{http_code}' -F "file=@$T/sound;filename=a.wav" "$@" "$U/v1/audio/transcriptions"
}
like 'a form without a model, where there are several' "$(form)" 'names no .*model.* 400$'
like 'one that names two' "$(form -F model=parrot -F model=other)" 'twice.* 400$'
like 'an unknown one' "$(form -F model=parot)" 'did you mean ..parrot..\?.* 404$'
like 'a file for a name' "$(form -F "model=@$T/sound")" 'is no name.* 400$'
like 'a form that is cut short' "$("${C[@]}" -w ' %{http_code}' -H 'Content-Type: multipart/form-data; boundary=b' --data-binary $'--b\r\nContent-Disposition: form-data; name=model\r\n\r\nparrot' "$U/v1/audio/transcriptions")" 'cut short.* 400$'
is 'nothing of this wakes' "$(status_of parrot state) $(status_of other state)" 'asleep asleep'
form -F model=other > "$T/answer"
is 'the model of a form is woken' "$(status_of other state) $(status_of parrot state)" 'ready asleep'
like 'and answers' "$(cat "$T/answer")" ' 404$' # a parrot hears nothing
ok 'nothing is wrong in the log' no_complaints
ok 'unmount' unmount
done_testing

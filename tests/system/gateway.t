#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The gateway: what an OpenAI program gets at the URL in `endpoint`, and who else gets nothing.
. "$(dirname "$0")/lib.sh"

mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	max_body = "8MiB"
	[model.parrot]
	engine = "parrot"
	aliases = ["p"]
	[model.other]
	engine = "parrot"
	model = "Org/Other-7B"
	[model.slow]
	engine = "parrot"
	engine_args = ["--rate", "2"]
END
U=$(cat "$M/endpoint")
port=${U##*:}
like 'endpoint' "$U" '^http://127\.0\.0\.1:[0-9]+$'

C=(curl -sS --max-time 60 --noproxy '*')
question() { # MODEL TEXT [MORE JSON FIELDS]
	printf '{"model":"%s","messages":[{"role":"user","content":"%s"}]%s}' "$1" "$2" "${3:-}"
}

# status ARGS...: the HTTP status alone.
status() {
	"${C[@]}" -o /dev/null -w '%{http_code}' "$@"
}

# raw TEXT: what the gateway says to these bytes until it closes.
raw() {
	printf %b "$1" | socat -t 20 -T 20 - "TCP:127.0.0.1:$port"
}

# --- what is known wakes nothing
is 'health' "$("${C[@]}" "$U/health" | jq -r '.status, .models.parrot, .models.other' | tr '\n' ' ')" 'ok asleep asleep '
is 'the list of models' "$("${C[@]}" "$U/v1/models" | jq -r '.object, .data[].id' | tr '\n' ' ')" 'list parrot other slow '
is 'one model, by its own name' "$("${C[@]}" "$U/v1/models/Org/Other-7B" | jq -r .id)" Org/Other-7B
is 'one model, by its alias' "$("${C[@]}" "$U/p/v1/models" | jq -r '.data[].id')" parrot
is 'HEAD has a length and no body' "$("${C[@]}" -I "$U/health" | grep -ci '^content-length: [1-9]')" 1
is 'a wrong method' "$(status -X POST "$U/health")" 405
like 'names the right ones' "$("${C[@]}" -i -X POST "$U/health")" 'Allow: GET, HEAD'
is 'another request to a sleeping model' "$(status "$U/parrot/props")" 503
is 'an unknown route' "$(status "$U/ui/nothing")" 404
like 'the root, for a program' "$("${C[@]}" "$U/")" '^slullamafs is running'
like 'and for a browser' "$("${C[@]}" -H 'Accept: text/html' "$U/")" '^<!doctype html>'
for path in v1 jobs api; do
	like "/$path is no route, and no model" "$("${C[@]}" -w ' %{http_code}' "$U/$path")" 'there is no such route.* 404$'
done
like 'a cross-site page' "$("${C[@]}" -i -H 'Sec-Fetch-Site: cross-site' "$U/v1/models")" '^HTTP/1.1 403 .*"message":"'
is 'a foreign Host' "$(status -H 'Host: evil.example.org' "$U/v1/models")" 403
is 'a foreign Origin' "$(status -H 'Origin: https://evil.example.org' "$U/v1/chat/completions" -d "$(question parrot no)")" 403
is 'our own Origin' "$(status -H "Origin: $U" "$U/health")" 200
if [ "$(id -u)" = 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups true 2> /dev/null; then
	like 'another user' "$(cd / && setpriv --reuid=65534 --regid=65534 --clear-groups "${C[@]}" -i "$U/health")" '^HTTP/1.1 403 .*"permission_error"'
	is 'another user who posts and goes' "$(cd / && setpriv --reuid=65534 --regid=65534 --clear-groups bash -c "for i in {1..20}; do printf 'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 83\r\n\r\n%s' '$(question parrot 'from a stranger, padded to some length')' > /dev/tcp/127.0.0.1/$port; done"; status_of parrot state)" asleep
else
	skip 'another user' 'only root can be somebody else'
fi

# --- bad questions wake nothing either
is 'not JSON' "$(status "$U/v1/chat/completions" -d 'hello')" 400
is 'not JSON, and no such model' "$(status "$U/v1/chat/completions" -d '{"model":"nobody"')" 400
like 'model twice' "$("${C[@]}" "$U/v1/chat/completions" -d '{"model":"parrot","model":"other"}')" 'twice'
like 'an unknown model' "$("${C[@]}" -w ' %{http_code}' "$U/v1/chat/completions" -d "$(question parot hi)")" 'did you mean ..parrot..\?.* 404$'
is 'no model where there are two' "$(status "$U/v1/chat/completions" -d '{"messages":[]}')" 400
for path in api/chat api/tags api nobody/api/chat parrot/api/blobs jobs/nobody.1/api/tags; do
	like "an error of /$path, an Ollama route" "$("${C[@]}" "$U/$path" -d '{}')" '^\{"error":"[^"]'
done
like 'not of a route that only looks like one' "$("${C[@]}" "$U/nobody/v1?/api/")" '^\{"error":\{'
while IFS='|' read -r name bytes; do
	like "$name is refused" "$(raw "$bytes" | tr -d '\r' | tr '\n' ' ')" '^HTTP/1.1 4[0-9][0-9] .*Connection: close'
done <<- 'END'
	two framings|POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n
	two lengths|POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd
	another coding|POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n
	a folded field|GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n
	a bare line feed|GET /health HTTP/1.1\nHost: localhost\n\n
	a bad chunk|POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n
	a blank before the colon|GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n
	two hosts|GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n
	no host|GET /health HTTP/1.1\r\n\r\n
	a path with dots|GET /parrot/%2e%2e/health HTTP/1.1\r\nHost: localhost\r\n\r\n
	what is no HTTP|\026\003\001\002\001\r\n\r\n
END
is 'all of this woke nothing' "$(status_of parrot state) $(status_of other state)" 'asleep asleep'

# --- a cold question is held and answered
"${C[@]}" -D "$T/head" "$U/v1/chat/completions" -d "$(question p 'Why is the sky blue?')" > "$T/answer"
is 'a cold completion' "$(jq -r '.choices[0].message.content' "$T/answer")" 'Why is the sky blue?'
like 'the job is named' "$(cat "$T/head")" "X-Slullama-Job: $(basename "$(readlink "$M/parrot/job")")"
"${C[@]}" -N -D "$T/head" "$U/parrot/v1/chat/completions" -d "$(question parrot 'one two' ',"stream":true')" > "$T/events"
is 'a streamed one' "$(sed -n 's/^data: {/{/p' "$T/events" | jq -rj '.choices[0].delta.content // ""')" 'one two'
is 'to its end' "$(grep -c '^data: \[DONE\]' "$T/events")" 1
like 'its type' "$(cat "$T/head")" '[Cc]ontent-[Tt]ype: text/event-stream'
for i in {1..8}; do
	"${C[@]}" "$U/v1/chat/completions" -d "$(question Org/Other-7B "question $i")" > "$T/answer.$i" &
done
wait
is 'eight at once, cold: one job' "$(ls "$M/jobs" | wc -l)" 2
is 'eight at once: each its own' "$(for i in {1..8}; do jq -r '.choices[0].message.content' "$T/answer.$i"; done)" "$(seq -f 'question %g' 8)"
is 'through the job' "$("${C[@]}" "$U/jobs/$(basename "$(readlink "$M/parrot/job")")/v1/chat/completions" -d "$(question parrot job)" | jq -r '.choices[0].message.content')" job
is 'another request to an awake model passes' "$(status "$U/parrot/health")" 200
like "what an engine without Ollama's API says of a route that nobody knows" "$("${C[@]}" -w ' %{http_code}' "$U/parrot/api/blobs")" '^\{"error":"the engine answered 404.*"\} 404$'

# --- shapes of requests
is 'a chunked upload' "$(question parrot chunks | "${C[@]}" -H 'Transfer-Encoding: chunked' -H 'Expect:' --data-binary @- "$U/v1/chat/completions" | jq -r '.choices[0].message.content')" chunks
head -c 5000000 /dev/zero | tr '\0' x > "$T/long"
{ printf '{"model":"parrot","messages":[{"role":"user","content":"'; cat "$T/long"; printf '"}]}'; } > "$T/big"
"${C[@]}" -v -H 'Expect: 100-continue' --data-binary "@$T/big" "$U/v1/chat/completions" 2> "$T/verbose" | jq -rj '.choices[0].message.content' > "$T/answer"
ok 'Expect: 100-continue with 5 MB: the answer' cmp "$T/answer" "$T/long"
ok 'Expect: 100-continue with 5 MB: the 100' grep -q 'HTTP/1.1 100 Continue' "$T/verbose"
{ cat "$T/big"; cat "$T/long"; } > "$T/bigger"
is 'a body beyond max_body' "$(status --data-binary "@$T/bigger" "$U/v1/chat/completions")" 413
"${C[@]}" -0 "$U/v1/chat/completions" -d "$(question parrot 'so old' ',"stream":true')" > "$T/events"
is 'HTTP/1.0' "$(sed -n 's/^data: {/{/p' "$T/events" | jq -rj '.choices[0].delta.content // ""')" 'so old'
body=$(question parrot two)
is 'pipelined' "$(raw "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${#body}\r\n\r\n${body}GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n" | grep -o '"status":"ok"\|"content":"two"\|"object":"list"' | tr '\n' ' ')" '"status":"ok" "content":"two" "object":"list" '

# --- a client that leaves
# Words of its answer are still to come for a minute when it goes.
words=$(printf 'word %.0s' {1..200})
"${C[@]}" -N "$U/v1/chat/completions" -d "$(question slow "$words" ',"stream":true')" > "$T/events" 2> /dev/null &
client=$!
ok 'a streamed answer has begun' wait_for 60 grep -q 'content":"word' "$T/events"
is 'and takes a slot' "$(status_of slow requests.active)" 1
kill "$client"
wait "$client" 2> /dev/null
ok 'until the client leaves' wait_for 10 jq -e '.requests.active == 0' "$M/slow/status"
ok 'nothing is wrong in the log' no_complaints

# --- taken ports
M2=$T/llm2
mkdir "$M2"
printf '[gateway]\nlisten = "127.0.0.1:%s"\n[mount]\nstate_dir = "%s"\nruntime_dir = "%s"\n' "$port" "$T/s2" "$T/r2" > "$T/second.toml"
out=$("$SLULLAMAFS" mount "$M2" -c "$T/second.toml" 2>&1)
is 'a taken port that was asked for: status' $? 32
like 'a taken port that was asked for: the sentence' "$out" "127.0.0.1:$port is taken"
is 'in one line' "$(wc -l <<< "$out")" 1
ok 'and no mount' not_mounted "$M2"
ok 'unmount' unmount

# --- a Unix socket
mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "unix:$T/gw.sock"
END
is 'a Unix socket: its mode' "$(stat -c %a "$T/gw.sock")" 600
is 'a Unix socket: an answer' "$("${C[@]}" --unix-socket "$T/gw.sock" http://localhost/v1/chat/completions -d "$(question parrot socket)" | jq -r '.choices[0].message.content')" socket
pid=$(daemon_pid)
kill -KILL "$pid"
wait_for 10 not_mounted
ok 'its remains are replaced' wait_for 20 mount_again
is 'and it answers' "$(status --unix-socket "$T/gw.sock" http://localhost/health)" 200
ok 'unmount' unmount
not_ok 'the socket is gone' test -e "$T/gw.sock"
done_testing

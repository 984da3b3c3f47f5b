#!/bin/bash
# SPDX-License-Identifier: MIT
#
# system and params: read and written as files are, checked when they are written, kept over mounts.
. "$(dirname "$0")/lib.sh"

# A stand-in for an engine shows what was asked of it: the parrot answers no more than the question.
command -v python3 > /dev/null || {
	echo '1..0 # SKIP python3 is not installed'
	exit 0
}
cat > "$T/mirror" <<- 'END'
	import json, sys, http.server
	key = 'Bearer ' + open(sys.argv[3]).read().strip()
	class Mirror(http.server.BaseHTTPRequestHandler):
	    def log_message(self, *args): pass
	    def say(self, status, body):
	        self.send_response(status)
	        self.send_header('Content-Type', 'application/json')
	        self.send_header('Content-Length', str(len(body)))
	        self.end_headers()
	        self.wfile.write(body)
	    def do_GET(self):
	        self.say(200 if self.path == '/health' or self.headers.get('Authorization') == key else 401, b'{}')
	    def do_POST(self):
	        body = self.rfile.read(int(self.headers['Content-Length']))
	        if self.headers.get('Authorization') != key:
	            return self.say(401, b'{"error":{"message":"no key"}}')
	        try:
	            asked = json.loads(body)
	            asked['messages'][-1]['content']
	        except Exception:
	            return self.say(400, b'{"error":{"message":"no messages"}}')
	        self.say(200, json.dumps({'choices': [{'message': {'role': 'assistant', 'content': json.dumps(asked)}, 'finish_reason': 'stop'}]}).encode())
	http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Mirror).serve_forever()
END
mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[model.plain]
	engine = "command"
	command = ["python3", "$T/mirror", "{host}", "{port}", "{key_file}"]
	[model.set]
	engine = "command"
	command = ["python3", "$T/mirror", "{host}", "{port}", "{key_file}"]
	system = "be brief"
	params = { temperature = 0.25, stop = ["END"] }
END
D=$M/plain S=$M/set
asked() { # MODEL JQ: what the engine gets of an ask
	echo hello > "$M/$1/ask"
	timeout 60 jq -c "$2" < "$M/$1/reply"
}

# ---- As configured
is 'the default' "$(cat "$D/params"; cat "$D/system")" '{}'
is 'as configured' "$(cat "$S/params" "$S/system")" $'{"temperature":0.25,"stop":["END"]}\nbe brief'
is 'a question without any' "$(asked plain '[keys, .messages]')" '[["messages","stream","stream_options"],[{"role":"user","content":"hello"}]]'
is 'a question with both' "$(asked set '[.temperature, .stop, .messages]')" '[0.25,["END"],[{"role":"system","content":"be brief"},{"role":"user","content":"hello"}]]'
is 'looking at them wakes nothing' "$(cat "$M"/*/params > /dev/null; grep -c 'plain: asleep' "$M/log")" 1

# ---- Written
ok 'params' bash -c "echo '{\"temperature\": 0.5, \"max_tokens\": 7}' > '$D/params'"
is 'read back as written' "$(cat "$D/params")" '{"temperature": 0.5, "max_tokens": 7}'
is 'its size' "$(stat -c %s "$D/params")" "$(wc -c < "$D/params")"
ok 'system' bash -c "printf 'you are\na parrot\n' > '$D/system'"
is 'they are asked' "$(asked plain '[.temperature, .max_tokens, .messages[0].content]')" '[0.5,7,"you are\na parrot"]'
printf '{"messages":[{"role":"user","content":"x"}],"temperature":1}' > "$D/request"
is 'a request keeps its own' "$(timeout 60 jq -r '.choices[0].message.content' "$D/response" | jq -c '[.temperature, .max_tokens, .messages[0].role]')" '[1,7,"system"]'
printf '{"messages":[{"role":"system","content":"mine"},{"role":"user","content":"x"}]}' > "$D/request"
is 'its system prompt too' "$(timeout 60 jq -r '.choices[0].message.content' "$D/response" | jq -c '[.messages[].content]')" '["mine","x"]'
ok 'pretty JSON in many writes' bash -c "while IFS= read -r l; do printf '%s\n' \"\$l\"; done <<< '$(jq . "$D/params")' > '$D/params'"
is 'as it was written' "$(jq -c . "$D/params")" '{"temperature":0.5,"max_tokens":7}'
is 'lines are on lines' "$(wc -l < "$D/params")" 4
echo 'and more' >> "$D/system"
is 'appended to' "$(cat "$D/system")" $'you are\na parrot\nand more'
cp "$D/params" "$T/params"
ok 'cp back' cp "$T/params" "$D/params"

# ---- What cannot be used leaves the old value
before=$(cat "$D/params")
refused() { # NAME TEXT REGEX
	not_ok "$1" bash -c "printf '%s' '$2' > '$D/params'"
	like "$1: the log says why" "$(tail -n 3 "$M/log")" "plain/params: .*$3"
	is "$1: the old value stays" "$(cat "$D/params")" "$before"
}
refused 'a range' '{"temperature":9}' 'between 0 and 2, not 9'
refused 'a type' '{"max_tokens":"many"}' 'max_tokens. must be an integer'
refused 'no object' '[1]' 'must be a JSON object'
refused 'no JSON' 'temperature=1' 'no JSON'
refused 'what each request sets' '{"stream":false}' 'set by each request'
not_ok 'no UTF-8 in system' bash -c "printf 'x\377yyyyyy' > '$D/system'"
not_ok 'half of an object: close says it' dd of="$D/params" status=none <<< '{"temperature":'
ok 'and then the log' wait_for 20 eval 'tail -n 1 "$M/log" | grep -q "plain/params: params is no JSON"'
is 'the old value stays' "$(cat "$D/params")" "$before"
not_ok 'too long' bash -c "head -c 300000 /dev/zero | tr '\0' x > '$D/system'"
is 'system is as it was' "$(tail -n 1 "$D/system")" 'and more'

# ---- Unknown names
echo '{"tempreature":1,"xyzzy":2}' > "$D/params"
is 'are passed on' "$(asked plain '[.tempreature, .xyzzy]')" '[1,2]'
like 'with a warning in status' "$(jq -r '.warnings[]' "$M/status")" 'plain/params: .*did you mean "temperature".*"xyzzy"'
echo '{"seed":3}' > "$D/params"
is 'which goes with them' "$(jq -c .warnings "$M/status")" '[]'

# ---- Over a mount, and back
echo '{"top_k":4}' > "$S/params"
echo 'be long' > "$S/system"
unmount || bail 'no unmount'
mount_again || bail 'no second mount'
is 'kept over a mount' "$(cat "$S/params" "$S/system" "$D/params")" $'{"top_k":4}\nbe long\n{"seed":3}'
: > "$S/params"
ok 'emptied: what is configured' wait_for 20 eval '[ "$(cat "$S/params")" = "{\"temperature\":0.25,\"stop\":[\"END\"]}" ]'
truncate -s 0 "$D/params"
ok 'by truncate(1) too' wait_for 20 eval '[ "$(cat "$D/params")" = "{}" ]'
echo > "$S/system"
is 'a system prompt of nothing' "$(asked set '[.messages[].role]')" '["user"]'
: > "$S/system"
ok 'and the configured one again' wait_for 20 eval '[ "$(cat "$S/system")" = "be brief" ]'

# ---- Editors
if command -v vim > /dev/null; then
	ok 'vim' timeout 60 vim -es -u NONE -i NONE -c '%s/brief/quick/' -c wq "$S/system" < /dev/null
	is 'has saved it' "$(cat "$S/system")" 'be quick'
else
	skip 'vim' 'not installed'
fi
if command -v ed > /dev/null; then
	printf ',s/brief/terse/\n,s/quick/terse/\nw\nq\n' | timeout 60 ed -s "$S/system" > /dev/null 2>&1
	is 'ed' "$(cat "$S/system")" 'be terse'
else
	skip 'ed' 'not installed'
fi
ok 'nothing unexpected in the log' no_complaints
done_testing

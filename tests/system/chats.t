#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chats/: conversations as shells and editors use them, what is refused, and a daemon that is killed in the middle.
. "$(dirname "$0")/lib.sh"

command -v python3 > /dev/null || {
	echo '1..0 # SKIP python3 is not installed'
	exit 0
}
# An engine that says what it was asked: the roles and the last words, in one line. "fail" is refused, "full" as by vLLM.
cat > "$T/mirror" <<- 'END'
	import json, os, sys, http.server
	key = 'Bearer ' + open(sys.argv[3]).read().strip()
	class Mirror(http.server.BaseHTTPRequestHandler):
	    def log_message(self, *args): pass
	    def say(self, status, v):
	        body = json.dumps(v).encode()
	        self.send_response(status)
	        self.send_header('Content-Type', 'application/json')
	        self.send_header('Content-Length', str(len(body)))
	        self.end_headers()
	        self.wfile.write(body)
	    def do_GET(self):
	        self.say(200 if self.path == '/health' or self.headers.get('Authorization') == key else 401, {})
	    def do_POST(self):
	        body = self.rfile.read(int(self.headers['Content-Length']))
	        if self.headers.get('Authorization') != key:
	            return self.say(401, {'error': {'message': 'no key'}})
	        try:
	            asked = json.loads(body)
	            last = asked['messages'][-1]['content']
	        except Exception:
	            return self.say(400, {'error': {'message': 'no messages'}})
	        if last == 'fail' and not os.path.exists(sys.argv[4]):
	            return self.say(500, {'error': {'message': 'out of luck'}})
	        if len(sys.argv) > 5 and len(body) > int(sys.argv[5]):
	            return self.say(400, {'error': {'message': "This model's maximum context length is %d tokens" % (int(sys.argv[5]) // 4)}})
	        if last == 'full':
	            return self.say(400, {'error': {'message': "This model's maximum context length is 60 tokens. However, you requested 61"}})
	        said = ' '.join(m['role'][0] + ':' + m['content'].split(' ')[-1] for m in asked['messages'])
	        said += ' t=%s' % asked['temperature'] if 'temperature' in asked else ''
	        self.say(200, {'choices': [{'message': {'role': 'assistant', 'content': said}, 'finish_reason': 'stop'}],
	                       'usage': {'prompt_tokens': len(body) // 8, 'completion_tokens': 5}})
	http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Mirror).serve_forever()
	END
: > "$T/gate" # as many tokens of each answer of `gated` as it has bytes
mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[model.mirror]
	engine = "command"
	command = ["python3", "$T/mirror", "{host}", "{port}", "{key_file}", "$T/luck"]
	system = "be"
	[model.drops]
	engine = "command"
	command = ["python3", "$T/mirror", "{host}", "{port}", "{key_file}", "$T/luck"]
	on_full = "drop_oldest"
	max_model_len = 60
	[model.learns]
	engine = "command"
	command = ["python3", "$T/mirror", "{host}", "{port}", "{key_file}", "$T/luck", "800"]
	on_full = "drop_oldest"
	[model.gated]
	engine = "parrot"
	slots = 8
	engine_args = ["--gate", "$T/gate"]
	[model.tools]
	engine = "parrot"
	END
C=$M/mirror/chats G=$M/gated/chats
ask() { # CHAT TEXT
	echo "$2" > "$1/ask" && timeout 60 cat "$1/reply"
}
field() { # CHAT FIELD
	jq -r ".$2" "$1/status"
}
is_state() { # CHAT STATE
	[ "$(field "$1" state)" = "$2" ]
}
last_word() {
	grep -o '[^ ]*$'
}

# ---- A conversation
is 'none at first' "$(ls "$C")" ''
ok 'mkdir' mkdir "$C/plan"
is 'its files' "$(ls "$C/plan" | tr '\n' ' ')" 'ask ctl error params reply status system transcript transcript.json '
is 'reply before any question' "$(timeout 10 cat "$C/plan/reply")" ''
is 'nothing was woken' "$(status_of mirror state)" asleep
is 'a question' "$(ask "$C/plan" one)" 's:be u:one'
is 'the next one sees it' "$(ask "$C/plan" two)" 's:be u:one a:u:one u:two'
is 'transcript' "$(cat "$C/plan/transcript")" $'## User\n\none\n\n## Assistant\n\ns:be u:one\n\n## User\n\ntwo\n\n## Assistant\n\ns:be u:one a:u:one u:two'
is 'transcript.json' "$(jq -c 'map([.role, .content])' "$C/plan/transcript.json")" \
	'[["user","one"],["assistant","s:be u:one"],["user","two"],["assistant","s:be u:one a:u:one u:two"]]'
is 'status' "$(jq -c '[keys_unsorted, .chat, .model, .state, .turns, .context.limit, .last_error]' "$C/plan/status")" \
	'[["chat","model","state","since","turns","tokens","context","last_error"],"plan","mirror","idle",2,null,null]'
ok 'tokens are counted' jq -e '.tokens.completion == 10 and .tokens.prompt > 20 and .context.used > 5 and .context.used < .tokens.prompt' "$C/plan/status"
for file in transcript transcript.json status error reply; do
	is "$file: its size is what there is" "$(stat -c %s "$C/plan/$file")" "$(wc -c < "$C/plan/$file")"
done
is 'ask shows the last question' "$(cat "$C/plan/ask")" two
is 'one descriptor' "$(exec 3<> "$C/plan/ask"; echo three >&3; timeout 60 cat <&3)" 's:be u:one a:u:one u:two a:u:two u:three'
is 'another process in another session' "$(setsid -w bash -c "echo four > '$C/plan/ask'"; timeout 60 setsid -w cat "$C/plan/reply" | last_word)" u:four
is 'the stateless pair knows nothing of it' "$(echo alone > "$M/mirror/ask"; timeout 60 cat "$M/mirror/reply")" 's:be u:alone'
mkdir "$C/other"
is 'nor another conversation' "$(ask "$C/other" one)" 's:be u:one'
is 'system of its own' "$(echo mine > "$C/other/system"; ask "$C/other" two)" 's:mine u:one a:u:one u:two'
is 'params of its own' "$(echo '{"temperature":0.5}' > "$C/other/params"; ask "$C/other" three | grep -o 't=.*')" 't=0.5'
is 'the model keeps its own' "$(cat "$M/mirror/system" "$M/mirror/params")" $'be\n{}'
not_ok 'params that cannot be' bash -c "echo '{\"temperature\":\"hot\"}' > '$C/other/params'"
like 'error says why' "$(cat "$C/other/error")" 'temperature.*a number'
not_ok 'and the log of all does not' grep -q temperature "$M/log"
is 'the old ones stay' "$(cat "$C/other/params")" '{"temperature":0.5}'
: > "$C/other/system"
ok "emptied: the model's" wait_for 20 eval '[ "$(cat "$C/other/system")" = be ]'

# ---- In their order
for i in 1 2 3 4 5; do
	echo "$i" > "$C/other/ask"
done
is 'each sees the answers before it' "$(timeout 60 cat "$C/other/reply" | grep -o 'u:[0-9] ' | tr -d '\n')" 'u:1 u:2 u:3 u:4 u:5 '
is 'and all are there when the last is' "$(field "$C/other" turns)" 8

# ---- Failing, and verbs
not_ok 'an engine that says no' ask "$C/plan" fail
like 'error has its words' "$(cat "$C/plan/error")" 'out of luck'
is 'it is not in the transcript' "$(grep -c fail "$C/plan/transcript")" 0
is 'failed' "$(field "$C/plan" state)" failed
touch "$T/luck"
echo retry > "$C/plan/ctl"
is 'retry asks it again' "$(timeout 60 cat "$C/plan/reply" | last_word)" u:fail
is 'and no more than once' "$(grep -cx fail "$C/plan/transcript")" 1
ok 'undo' bash -c "echo undo > '$C/plan/ctl'"
is 'takes it back' "$(grep -cx fail "$C/plan/transcript") $(field "$C/plan" turns)" '0 4'
is 'reply has the answer before' "$(last_word < "$C/plan/reply")" u:four
echo retry > "$C/plan/ctl"
is 'retry of an answered one' "$(timeout 60 cat "$C/plan/reply" | last_word) $(field "$C/plan" turns)" 'u:four 4'
echo 'fork branch' > "$C/plan/ctl"
is 'fork has what was said' "$(cat "$C/branch/transcript")" "$(cat "$C/plan/transcript")"
is 'and goes its own way' "$(ask "$C/branch" five > /dev/null; field "$C/branch" turns) $(field "$C/plan" turns)" '5 4'
for verb in 'fork branch' 'fork a/b' 'fork ..' 'fork' 'cancel' 'frobnicate'; do
	not_ok "refused: $verb" bash -c "echo '$verb' > '$C/plan/ctl'"
done
like 'with a sentence in error' "$(cat "$C/plan/error")" frobnicate
mkdir "$C/empty"
not_ok 'nothing to undo' bash -c "echo undo > '$C/empty/ctl'"
not_ok 'nothing to retry' bash -c "echo retry > '$C/empty/ctl'"

# ---- Beginning with messages
begin() { # TEXT
	printf '%s' "$1" > "$C/empty/transcript.json"
}
for bad in '{}' '[1]' '[{"role":"king","content":"x"}]' '[{"content":"x"}]' '[{"role":"user"}]' 'no' '[{"role":"tool","content":"x"}]' \
	'[{"role":"user","content":"x"},{"role":"system","content":"y"}]'; do
	not_ok "no transcript: $bad" begin "$bad"
done
like 'error says why' "$(cat "$C/empty/error")" 'message 1 .*system'
is 'and nothing has begun' "$(cat "$C/empty/transcript.json")" '[]'
ok 'a valid one' begin '[{"role":"system","content":"sys"},{"role":"user","content":"first"},{"role":"assistant","content":"yes"}]'
is 'is what comes before the question' "$(ask "$C/empty" second)" 's:sys u:first a:yes u:second'
is 'turns' "$(field "$C/empty" turns)" 2
like 'not once it has begun' "$(begin '[]' 2>&1)" 'not permitted'
like 'which error explains' "$(cat "$C/empty/error")" 'has begun'
mkdir "$C/copy"
ok 'a transcript of another' cp "$C/empty/transcript.json" "$C/copy/transcript.json"
is 'is the same conversation' "$(cat "$C/copy/transcript")" "$(cat "$C/empty/transcript")"

# ---- Tools
tools='{"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]}'
W=$M/tools/chats/w
result() { # ID TEXT: as a script writes it
	jq -nc --arg id "$1" --arg text "$2" '{role: "tool", tool_call_id: $id, content: $text}'
}
mkdir "$W"
echo "$tools" > "$W/params"
echo 'the weather in Lund?' > "$W/ask"
call=$(timeout 60 cat "$W/reply")
is 'reply has the call, on a line' "$(jq -c '[.type, .function.name, (.function.arguments | type)]' <<< "$call")" '["function","weather","string"]'
id=$(jq -r .id <<< "$call")
is 'transcript.json has it as a message' "$(jq -c '.[1] | [.role, .content, .tool_calls[0].id, .tool_calls[0].function.name]' "$W/transcript.json")" \
	"[\"assistant\",null,\"$id\",\"weather\"]"
is 'transcript shows it' "$(sed -n '/^## Assistant/,$p' "$W/transcript")" $'## Assistant\n\n```json\n'"$call"$'\n```'
is 'its size is what there is' "$(stat -c %s "$W/transcript" "$W/transcript.json" "$W/reply" | tr '\n' ' ')" "$(cat "$W/transcript" | wc -c) $(cat "$W/transcript.json" | wc -c) $(cat "$W/reply" | wc -c) "
for bad in '{"role":"tool","tool_call_id":"other","content":"x"}' '{"role":"tool","content":"x"}' "{\"role\":\"tool\",\"tool_call_id\":\"$id\"}" '{"degrees":7}' \
	'{"role":"user","content":"x"}' '{]'; do
	not_ok "no result: $bad" bash -c 'echo "$1" > "$2"' - "$bad" "$W/ask"
done
not_ok 'one that stops short' bash -c 'printf "%s" "{\"role\":\"tool" > "$1/ask" && cat "$1/reply"' - "$W"
like 'error says why' "$(cat "$W/error")" 'the result of a tool is no JSON'
is 'nothing of them is said' "$(jq length "$W/transcript.json")" 2
ok 'undo' bash -c 'echo undo > "$1/ctl"' - "$W"
kill -KILL "$(daemon_pid)"
ok 'killed' wait_for 20 not_mounted
mount_again || bail 'no mount after the kill'
is 'the next mount has the call' "$(cat "$W/reply")" "$call"
result "$id" '7 degrees' > "$W/ask"
is 'the result is answered' "$(timeout 60 cat "$W/reply")" '7 degrees'
is 'and in the transcript' "$(jq -c 'map(.role)' "$W/transcript.json") $(sed -n '/^## Tool/,/^$/p' "$W/transcript" | head -n 1)" "[\"user\",\"assistant\",\"tool\",\"assistant\"] ## Tool $id"
is 'one question, one turn' "$(field "$W" turns)" 1
mkdir "$W-copy"
ok 'its transcript begins another' cp "$W/transcript.json" "$W-copy/transcript.json"
is 'the same' "$(cat "$W-copy/transcript")" "$(cat "$W/transcript")"
mkdir "$W-half"
ok 'one that ends with a call' bash -c 'jq ".[:2]" "$1/transcript.json" > "$1-half/transcript.json"' - "$W"
is 'has its result asked first' "$(result "$id" 'rain' > "$W-half/ask"; timeout 60 cat "$W-half/reply")" rain
mkdir "$W-bad"
not_ok 'a result that nobody called for' bash -c 'jq ".[:3] | del(.[1])" "$1/transcript.json" > "$1-bad/transcript.json"' - "$W"
like 'error says so' "$(cat "$W-bad/error")" "message 1 is a tool's, and nobody has called one as"
not_ok 'a call without a result' bash -c 'jq ".[:2] + .[:1]" "$1/transcript.json" > "$1-bad/transcript.json"' - "$W"
like 'error says so' "$(cat "$W-bad/error")" 'has no result'
is 'JSON is a text where no tool was called' "$(ask "$W-bad" '{"role":"tool"}')" '{"role":"tool"}'
ok 'undo' bash -c 'echo undo > "$1/ctl"' - "$W"
is 'takes back the question with all that came of it' "$(cat "$W/transcript.json")" '[]'
echo "$tools" > "$M/tools/params"
is 'the stateless reply has calls too' "$(echo 'the weather?' > "$M/tools/ask"; timeout 60 cat "$M/tools/reply" | jq -r .function.name)" weather

# ---- The context is full
not_ok 'an engine that is full' ask "$C/copy" full
is 'its limit is known then' "$(field "$C/copy" context.limit)" 60
not_ok 'the next question has no room' ask "$C/copy" "$(printf '%0200d' 0)"
like 'error has the figures' "$(cat "$C/copy/error")" 'about [0-9]+ tokens, this question [0-9]+, and the engine takes 60'
mkdir "$M/drops/chats/long"
for i in 1 2 3 4 5 6; do
	last=$(ask "$M/drops/chats/long" "a question of some length, number $i")
done
like 'drop_oldest: the oldest are left out' "$last" '^u:([2-6] .*u:)?6$'
is 'the transcript has all' "$(field "$M/drops/chats/long" turns)" 6
mkdir "$M/learns/chats/long"
for i in 1 2 3 4 5 6 7 8; do
	last=$(ask "$M/learns/chats/long" "a question of some length, number $i")
done
like 'as is one whose limit only the engine knows' "$last" '^u:([2-7] .*u:)?8$'
is 'none of its questions failed' "$(field "$M/learns/chats/long" turns) $(field "$M/learns/chats/long" context.limit)" '8 200'
echo stop > "$M/learns/ctl"
is 'what it said counts for it alone' "$(wait_for 60 state_is learns asleep; field "$M/learns/chats/long" context.limit)" null

# ---- Names
long=$(printf '%0255d' 0)
for name in -dash .hidden 'grüße 日本' ask status "$long" "quo'te"; do
	ok "name: ${name:0:20}" mkdir -- "$C/$name"
	ok 'rmdir' rmdir -- "$C/$name"
done
for name in '' . ".." "a"$'\n'"b" $'\xff' "0$long" $'\e[2J'; do
	not_ok "no name: $(printf %q "${name:0:20}")" mkdir -- "$C/$name"
done
not_ok 'one that is there' mkdir "$C/plan"
ok 'mkdir -p' mkdir -p "$C/plan"
made=$(mktemp -d "$C/tmp.XXXXXX")
is 'mktemp -d' "$(ask "$made" hello)" 's:be u:hello'
not_ok 'a file there' touch "$C/file"
not_ok 'a file in one' touch "$C/plan/file"
ok 'mv renames' mv "$C/plan" "$C/renamed"
is 'with all that is in it' "$(field "$C/renamed" turns) $(field "$C/renamed" chat)" '4 renamed'
not_ok 'not onto another' mv -T "$C/renamed" "$C/other"
not_ok 'not into another model' mv "$C/renamed" "$M/gated/chats/x"
not_ok 'not a file of it' mv "$C/renamed/ask" "$C/renamed/asked"
ok 'cp -r takes one out' cp -r "$C/renamed" "$T/copied"
is 'as plain files' "$(cat "$T/copied/transcript")" "$(cat "$C/renamed/transcript")"
ok 'mv takes one away' mv "$C/branch" "$T/moved"
is 'which is ended then' "$(jq .turns "$T/moved/status") $(ls "$C" | grep -c branch)" '5 0'
if command -v vim > /dev/null; then
	ok 'vim asks' timeout 60 vim -es -u NONE -i NONE -c '%d' -c 'call setline(1, "by vim")' -c wq "$made/ask" < /dev/null
	is 'and is answered' "$(timeout 60 cat "$made/reply" | last_word)" u:vim
	ok 'vim saves system' timeout 60 vim -es -u NONE -i NONE -c '%d' -c 'call setline(1, "edited")' -c wq "$made/system" < /dev/null
	is 'as it was written' "$(cat "$made/system")" edited
else
	skip 'vim' 'not installed'
fi
if command -v ed > /dev/null; then
	printf '%s\n' ,d a 'by ed' . w q | timeout 60 ed -s "$C/other/ask" > /dev/null 2>&1
	is 'ed asks' "$(timeout 60 cat "$C/other/reply" | grep -o 'u:[a-z]*' | tail -n 1)" u:ed
else
	skip 'ed' 'not installed'
fi
ok 'rm -r ends one' rm -r "$made"
not_ok 'it is gone' ls "$made"

# ---- While an answer streams
open_gate() {
	head -c 10000 /dev/zero > "$T/gate"
}
mkdir "$G/a" "$G/b"
echo 'one two' > "$G/a/ask"
printf x > "$T/gate"
ok 'streaming' wait_for 60 is_state "$G/a" streaming
like 'rmdir: busy' "$(rmdir "$G/a" 2>&1)" 'busy'
like 'rm -r: busy, and nothing is lost' "$(rm -r "$G/a" 2>&1; ls "$G/a" | wc -l)" 'busy.*9'
like 'undo: busy' "$(bash -c "echo undo > '$G/a/ctl'" 2>&1; cat "$G/a/error")" 'under way'
ok 'mv goes' mv "$G/a" "$G/aa"
echo 'three four' > "$G/aa/ask"
timeout 60 cat "$G/aa/reply" > "$T/three" &
reader=$!
is 'nothing is in the transcript yet' "$(cat "$G/aa/transcript")" ''
open_gate
wait "$reader"
is 'the reader of the second' "$(cat "$T/three")" 'three four'
is 'both are there' "$(field "$G/aa" turns)" 2
: > "$T/gate"
echo 'five six' > "$G/aa/ask"
echo 'seven' > "$G/aa/ask"
ok 'both are under way' wait_for 20 is_state "$G/aa" waiting
ok 'cancel' bash -c "echo cancel > '$G/aa/ctl'"
like 'ends both' "$(cat "$G/aa/reply" 2>&1) $(field "$G/aa" state) $(field "$G/aa" turns)" 'canceled failed 2'
exec 5> "$G/b/ask"
mkdir "$G/m"
: > "$T/gate"
exec 6> "$G/m/ask"
echo 'eight nine' >&6
like 'a draft: busy' "$(rmdir "$G/m" 2>&1; rm -r "$G/m" 2>&1)" 'busy.*busy'
ok 'mv goes' mv "$G/m" "$G/n"
exec 6>&-
ok 'it is asked' wait_for 20 is_state "$G/n" waiting
like 'one that waits: busy' "$(rmdir "$G/n" 2>&1; rm -r "$G/n" 2>&1)" 'busy.*busy'
ok 'mv goes' mv "$G/n" "$G/m"
exec 6< "$G/m/reply"
open_gate
is 'its reader has the answer' "$(timeout 60 cat <&6)" 'eight nine'
ok 'answered, and its reader still there: rm -r' rm -r "$G/m"
exec 6>&-
: > "$T/gate"
ok 'a file that is open does not keep it' rmdir "$G/b"
like 'and is stale then' "$(bash -c 'echo x >&5' 2>&1)" 'Stale'
exec 5>&-

# ---- Killed
kill_daemon() {
	local pid
	pid=$(daemon_pid)
	kill -KILL "$pid"
	wait_for 20 process_gone "$pid"
	wait_for 20 not_mounted
}
again() {
	kill_daemon
	mount_again || bail 'no mount after the kill'
}
before=$(cat "$C"/{renamed,other,copy}/{transcript,system,params} "$G/aa/transcript")
mkdir "$G/fresh"
echo 'eight nine' > "$G/fresh/ask"
echo 'ten' > "$G/fresh/ask"
again
is 'conversations are there again' "$(cat "$C"/{renamed,other,copy}/{transcript,system,params} "$G/aa/transcript")" "$before"
is 'those that were ended are not' "$(ls "$C" | tr '\n' ' ')" 'copy empty other renamed '
open_gate
is 'the reader gets its answer' "$(timeout 60 cat "$G/fresh/reply")" ten
is 'which saw the one before' "$(jq -c 'map(.content)' "$G/fresh/transcript.json")" '["eight nine","eight nine","ten","ten"]'
is 'a conversation goes on' "$(ask "$C/empty" third)" 's:sys u:first a:yes u:second a:u:second u:third'
: > "$T/gate"
echo 'one two three' > "$G/fresh/ask"
printf x > "$T/gate"
ok 'streaming' wait_for 60 is_state "$G/fresh" streaming
again
is 'killed in the middle: not in the transcript' "$(field "$G/fresh" turns) $(field "$G/fresh" state)" '2 failed'
open_gate
echo retry > "$G/fresh/ctl"
is 'and can be retried' "$(timeout 60 cat "$G/fresh/reply")" 'one two three'
unmount || bail 'no unmount'
mount_again || bail 'no third mount'
is 'reply of an earlier mount' "$(timeout 60 cat "$G/fresh/reply") $(cat "$G/fresh/ask")" 'one two three one two three'
unmount || bail 'no unmount'

# ---- Two users
other() { # SCRIPT
	timeout 60 setpriv --reuid 65534 --regid 65534 --clear-groups bash -c "$1" 2>&1
}
if [ "$(id -u)" = 0 ] && chmod 711 "$T" && mount_again -o allow_other 2> /dev/null; then
	export C G
	mine=$(cat "$C/other/transcript")
	is 'another user sees none of ours' "$(other 'ls "$C"')" ''
	like 'and cannot look into one' "$(other 'cat "$C/other/transcript"')" 'No such file|Permission denied'
	like 'may have one of the same name' "$(other 'mkdir "$C/other" && echo theirs > "$C/other/ask" && cat "$C/other/reply"')" 'u:theirs$'
	is 'which belongs to it' "$(other 'stat -c "%u %a" "$C/other/" "$C/other/reply"')" $'65534 700\n65534 400'
	is 'and is not ours' "$(cat "$C/other/transcript")" "$mine"
	ok 'it ends its own' other 'rm -rf "$C/other" && ! ls "$C/other"'
	is 'and not ours' "$(cat "$C/other/transcript")" "$mine"
	unmount || bail 'no unmount'
else
	skip 'two users' 'needs root and allow_other'
fi

# ---- In memory
sed -i '1i [mount]\ndurable = false' "$T/config.toml"
mount_again || bail 'no mount in memory'
is 'durable = false: none is there' "$(ls "$G")" ''
mkdir "$G/brief"
is 'one works' "$(ask "$G/brief" hello; field "$G/brief" turns)" 'hello1'
ok 'nothing unexpected in the log' no_complaints
done_testing

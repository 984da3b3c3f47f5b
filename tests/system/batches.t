#!/bin/bash
# SPDX-License-Identifier: MIT
#
# batch/NAME: many questions in a file, each with exactly one result, whatever happens meanwhile.
. "$(dirname "$0")/lib.sh"
engine=$here/../stand-ins/ledger_engine.py

model() { # NAME [LINES]: a model whose engine writes down what it is asked
	printf '[model.%s]\nengine = "command"\ncommand = ["%s", "{host}", "{port}", "{key_file}", "%s"]\n%s\n' \
		"$1" "$engine" "$T/$1.ledger" "${2:-}"
	: > "$T/$1.ledger"
}
config() { # [LINES]
	printf '[gateway]\nlisten = "127.0.0.1:0"\n[cluster.local]\nkind = "local"\n'
	model m $'slots = 4\nidle_timeout = "2s"'
	model one 'slots = 1'
	printf '[model.parrot]\nengine = "parrot"\nsystem = "Be short."\n%s\n' "${1:-}"
}
config $'[batch]\nretries = 1' | mount_with || bail 'no mount'

field() { # BATCH FIELD
	jq -r ".$2" "$M/$1/status"
}
is_field() { # BATCH FIELD VALUE
	[ "$(field "$1" "$2")" = "$3" ]
}
finished() { # BATCH: it is done
	wait_for 60 is_field "$1" state "${2:-done}" || diag "$(cat "$M/$1/status")"
}
contents() { # BATCH: the answers, in the order of their questions
	jq -rs 'sort_by(.id | ltrimstr("batch_req_") | tonumber)[].response.body.choices[0].message.content' "$M/$1/out.jsonl"
}
codes() { # BATCH: what is wrong with which
	jq -r '"\(.custom_id) \(.error.code)"' "$M/$1/errors.jsonl" | sort | paste -sd ' '
}
numbers() { # FROM TO WORD
	seq -f "$3 %.0f" "$1" "$2"
}
asked() { # NAME LINE: the engine has been
	grep -qx "$2" "$T/$1.ledger"
}
ledger_has() { # NAME N
	[ "$(wc -l < "$T/$1.ledger")" -ge "$2" ]
}

# ---- A batch that was not begun
B=$M/m/batch
ok 'mkdir makes a batch' mkdir "$B/new"
is 'its files' "$(ls "$B/new" | paste -sd ' ')" 'ctl errors.jsonl in.jsonl out.jsonl progress status'
is 'its status' "$(jq -c 'del(.since)' "$B/new/status")" \
	'{"batch":"new","model":"m","state":"empty","total":0,"done":0,"failed":0,"in_flight":0,"per_s":null,"remaining_s":null,"last_error":null}'
is 'in this order' "$(jq -r 'keys_unsorted | join(" ")' "$B/new/status")" \
	'batch model state since total done failed in_flight per_s remaining_s last_error'
is 'ctl lists its verbs' "$(cut -d ' ' -f 1 "$B/new/ctl" | paste -sd ' ')" 'hold start pause resume cancel retry-failed'
not_ok 'there is one of that name' mkdir "$B/new"
not_ok 'start without questions' bash -c "echo start > '$B/new/ctl'"
not_ok 'an unknown verb' bash -c "echo dance > '$B/new/ctl'"
not_ok 'a verb of another state' bash -c "echo resume > '$B/new/ctl'"
touch "$B/new/in.jsonl"
: > "$B/new/in.jsonl"
is 'touch and : > begin nothing' "$(field m/batch/new state)" empty
ok 'rmdir ends it, although there are files in it' rmdir "$B/new"
for name in $'new\nline' $'\x80' "$(printf 'x%.0s' {1..256})"; do
	not_ok "no batch can be called $(printf %.10q "$name")" mkdir "$B/$name"
done
for name in -dash 'Über uns' status "$(printf 'x%.0s' {1..255})"; do
	ok "one can be called ${name:0:10}" mkdir -- "$B/$name"
done
ok 'rm -r ends them' rm -r -- "$B/-dash" "$B"/[^-]*
is 'there is none' "$(ls "$B")" ''
not_ok 'no file is made there' bash -c ": > '$B/file'"

# ---- Lines of text
mkdir "$B/text"
printf 'first\r\n\n   \nsecond with "quotes" and \\\nthird' > "$B/text/in.jsonl"
finished m/batch/text
is 'text: each line has its answer' "$(contents m/batch/text)" $'first\nsecond with "quotes" and \\\nthird'
is 'empty ones are none' "$(field m/batch/text total)" 3
is 'lines are known by their number' "$(jq -rs 'map(.custom_id) | sort | join(" ")' "$B/text/out.jsonl")" 'line-1 line-4 line-5'
is "the shape is OpenAI's" "$(head -n 1 "$B/text/out.jsonl" | jq -c '[keys, (.response | keys), .response.status_code, .error]')" \
	'[["custom_id","error","id","response"],["body","request_id","status_code"],200,null]'
like 'progress is a line' "$(cat "$B/text/progress")" '^done: 3 of 3 done, 0 failed'
is 'sizes are exact' "$(stat -c %s "$B/text/out.jsonl")" "$(cat "$B/text/out.jsonl" | wc -c)"
is 'in.jsonl can be read' "$(wc -l < "$B/text/in.jsonl")" 4
ok 'cp -r takes it out' cp -r "$B/text" "$T/text"

# ---- OpenAI's format, with lines that cannot be used
line() { # ID CONTENT [FIELDS]
	printf '{"custom_id":"%s","method":"POST","url":"/v1/chat/completions","body":{"messages":[{"role":"user","content":"%s"}]}%s}' "$1" "$2" "${3:-}"
}
mkdir "$M/parrot/batch/bad"
P=parrot/batch/bad
{
	line a one; echo
	echo '{"custom_id":"b","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4","stream":true,"messages":[{"role":"user","content":"two"}]}}'
	echo
	echo '{"custom_id":"half","method":'
	line a again; echo
	line c three; printf '\r\n'
	echo '{"body":{"messages":[{"role":"user","content":"four"}]}}'
	echo '{"custom_id":7,"body":{"messages":[{"role":"user","content":"x"}]}}'
	echo '{"custom_id":"get","method":"GET","url":"/v1/chat/completions","body":{"messages":[{}]}}'
	echo '{"custom_id":"url","url":"/etc/passwd","body":{"messages":[{}]}}'
	echo '{"custom_id":"body","url":"/v1/chat/completions"}'
	echo '{"custom_id":"list","body":{"messages":[]}}'
	echo '{"custom_id":"e","url":"/v1/embeddings","body":{"input":"text"}}'
	printf '{"custom_id":"long","body":{"messages":[{"role":"user","content":"'
	head -c 20971520 /dev/zero | tr '\0' x
	echo '"}]}}'
	line last five
} > "$T/bad.jsonl"
cp "$T/bad.jsonl" "$M/$P/in.jsonl"
finished $P
is 'JSON: good lines are answered' "$(jq -r 'select(.custom_id != "e").response.body.choices[0].message.content' "$M/$P/out.jsonl" | sort | paste -sd ' ')" 'five four one three two'
is 'an embedding too' "$(jq -r 'select(.custom_id == "e").response.body.data[0].embedding | type' "$M/$P/out.jsonl")" array
is 'each bad one has an error' "$(codes $P)" \
	'a repeated_custom_id body invalid_body get invalid_method line-14 too_large line-4 invalid_json line-8 invalid_custom_id list invalid_body url invalid_url'
is 'which is its one result' "$(jq -r '"\(.total) \(.done) \(.failed)"' "$M/$P/status")" '14 6 8'
is 'a model that is named wrongly is set' "$(jq -r 'select(.custom_id == "b").response.body.model' "$M/$P/out.jsonl")" parrot

# ---- Failures of the engine, and retry-failed
mkdir "$B/fails"
printf '%s\n' good 'no way' 'never ever' 'once only' > "$B/fails/in.jsonl"
finished m/batch/fails
is 'what the engine refuses is not sent again' "$(grep -c '^no' "$T/m.ledger")" 1
is 'what fails is, as often as retries says' "$(grep -c '^never' "$T/m.ledger")" 2
is 'and may be answered then' "$(contents m/batch/fails)" $'good\nonce only'
is 'errors.jsonl has the status' "$(jq -r '.response.status_code' "$B/fails/errors.jsonl" | sort | paste -sd ' ')" '400 500'
like 'and why' "$(jq -r '.error.message' "$B/fails/errors.jsonl")" 'not that'
like 'last_error says which' "$(field m/batch/fails last_error)" 'line-[23]: the engine answered'
echo retry-failed > "$B/fails/ctl"
ok 'retry-failed sends these again' wait_for 60 eval '[ "$(grep -c "^never" "$T/m.ledger")" = 4 ]'
finished m/batch/fails
is 'and no other' "$(grep -cx -e good -e 'no way' "$T/m.ledger")" 3
is 'each has one result still' "$(cat "$B/fails/out.jsonl" "$B/fails/errors.jsonl" | jq -r .custom_id | sort | paste -sd ' ')" 'line-1 line-2 line-3 line-4'

# ---- hold, start, pause, resume, cancel
O=one/batch/steps
mkdir "$M/$O"
echo hold > "$M/$O/ctl"
numbers 1 30 step > "$M/$O/in.jsonl"
is 'hold: closing in.jsonl begins nothing' "$(field $O state)" held
: > "$T/one.ledger.hold"
echo start > "$M/$O/ctl"
ok 'start does' wait_for 60 asked one 'step 1'
is 'in_flight is the slots' "$(field $O in_flight)" 1
not_ok 'in.jsonl cannot be replaced while it runs' cp "$T/bad.jsonl" "$M/$O/in.jsonl"
not_ok 'nor added to' bash -c "echo more >> '$M/$O/in.jsonl'"
not_ok 'rmdir of a running batch' rmdir "$M/$O"
like 'is EBUSY' "$(rmdir "$M/$O" 2>&1)" 'Device or resource busy'
echo pause > "$M/$O/ctl"
is 'pause' "$(field $O state)" paused
not_ok 'rmdir while a line is under way' rmdir "$M/$O"
rm "$T/one.ledger.hold"
ok 'what is under way is answered' wait_for 60 is_field $O done 1
is 'and no more is sent' "$(sleep 0.3; cat "$T/one.ledger")" 'step 1'
: > "$T/one.ledger.hold"
echo resume > "$M/$O/ctl"
ok 'resume goes on' wait_for 60 asked one 'step 2'
echo cancel > "$M/$O/ctl"
is 'cancel ends what is under way' "$(jq -r '"\(.state) \(.in_flight)"' "$M/$O/status")" 'cancelled 0'
rm "$T/one.ledger.hold"
echo start > "$M/$O/ctl"
finished $O
is 'start goes on with what has no result' "$(contents $O)" "$(numbers 1 30 step)"
echo pause > "$M/$O/ctl" 2> /dev/null && fail 'a batch that is done cannot be paused' || pass 'a batch that is done cannot be paused'
numbers 1 3 second > "$M/$O/in.jsonl"
finished $O
is 'a new in.jsonl makes a new batch of one that is done' "$(contents $O)" "$(numbers 1 3 second)"
echo stop > "$M/one/ctl"

# ---- The questions of people go first
wait_for 20 state_is one asleep
: > "$T/one.ledger"
: > "$T/one.ledger.hold"
numbers 1 20 line > "$M/$O/in.jsonl"
ok 'a batch runs' wait_for 60 asked one 'line 1'
echo urgent > "$M/one/ask"
rm "$T/one.ledger.hold"
is 'a question is answered' "$(timeout 60 cat "$M/one/reply")" urgent
is 'before the lines that wait' "$(sed -n 2p "$T/one.ledger")" urgent
finished $O
is 'which are answered too' "$(field $O done)" 20

# ---- A stopped model pauses its batches
: > "$T/m.ledger"
: > "$T/m.ledger.hold"
mkdir "$B/stopped"
numbers 1 12 stop > "$B/stopped/in.jsonl"
ok 'a batch runs on all slots' wait_for 60 ledger_has m 4
echo stop > "$M/m/ctl"
rm "$T/m.ledger.hold"
finished m/batch/stopped paused
like 'a stopped model pauses it, and status says so' "$(field m/batch/stopped last_error)" 'stopped'
echo resume > "$B/stopped/ctl"
finished m/batch/stopped
is 'resume wakes it' "$(contents m/batch/stopped)" "$(numbers 1 12 stop)"

# ---- An engine that dies
mkdir "$B/dies"
{ numbers 1 8 before; echo 'die now'; numbers 1 8 after; } > "$B/dies/in.jsonl"
finished m/batch/dies
is 'an engine that dies loses none' "$(contents m/batch/dies)" "$(numbers 1 8 before; echo 'die now'; numbers 1 8 after)"
ok 'the model sleeps when all is done' wait_for 60 state_is m asleep

# ---- Unmount and kill -9
: > "$T/m.ledger"
: > "$T/m.ledger.hold"
mkdir "$B/lasting"
numbers 1 2000 last > "$B/lasting/in.jsonl"
ok 'a batch runs' wait_for 60 ledger_has m 4
unmount || bail 'no unmount'
rm "$T/m.ledger.hold"
mount_again || bail 'no mount'
kills=0
while [ "$(field m/batch/lasting state)" = running ] && [ $kills -lt 5 ]; do
	before=$(wc -l < "$T/m.ledger")
	wait_for 60 eval '[ "$(wc -l < "$T/m.ledger")" -gt $((before + 150)) ] || is_field m/batch/lasting state done'
	kill -KILL "$(daemon_pid)"
	wait_for 20 not_mounted
	mount_again || bail 'no mount after a kill'
	kills=$((kills + 1))
done
finished m/batch/lasting
is 'after kills each line has one result' "$(jq -r .custom_id "$B/lasting/out.jsonl" | sort | uniq -c | awk '$1 != 1' | wc -l) $(wc -l < "$B/lasting/out.jsonl")" '0 2000'
is 'and the right one' "$(contents m/batch/lasting | cksum)" "$(numbers 1 2000 last | cksum)"
is 'none has an error' "$(cat "$B/lasting/errors.jsonl")" ''
diag "$kills kills, $(sort "$T/m.ledger" | uniq -d | wc -l) of 2000 lines were asked more than once"
is 'batches of earlier mounts are there' "$(ls "$B" | paste -sd ' ')" 'dies fails lasting stopped text'
kill -KILL "$(daemon_pid)"
wait_for 20 not_mounted
mount_again || bail 'no mount'
ok 'one that was closed a moment before a crash begins' bash -c "mkdir '$M/parrot/batch/late' && seq 3 > '$M/parrot/batch/late/in.jsonl' && kill -KILL $(daemon_pid)"
wait_for 20 not_mounted
mount_again || bail 'no mount'
finished parrot/batch/late
is 'and is answered' "$(contents parrot/batch/late)" $'1\n2\n3'
ok 'nothing unexpected in the log' no_complaints
unmount || bail 'no unmount'

# ---- In order, few at a time, and hours
hour=$(((10#$(date +%H) + 2) % 24))
config $'[batch]\nordered = true\nin_flight = 2' | mount_with || bail 'no mount'
mkdir "$B/ordered"
{ echo 'once slow'; numbers 1 40 fast; } > "$B/ordered/in.jsonl"
ok 'in_flight is the limit' wait_for 60 ledger_has m 2
finished m/batch/ordered
is 'ordered: results are in the order of the lines' "$(jq -r '.response.body.choices[0].message.content' "$B/ordered/out.jsonl")" "$(echo 'once slow'; numbers 1 40 fast)"
unmount || bail 'no unmount'
config "$(printf '[batch]\nhours = "%02d:00-%02d:30"' $hour $hour)" | mount_with || bail 'no mount'
mkdir "$B/hours"
echo later > "$B/hours/in.jsonl"
ok 'outside its hours a batch waits' wait_for 20 grep -q "waits for its hours" "$B/hours/progress"
is 'and wakes nothing' "$(status_of m state)" asleep
echo cancel > "$B/hours/ctl"
ok 'and can be removed' rmdir "$B/hours"
unmount || bail 'no unmount'

# ---- A full disk
cleanup() {
	[ -z "${disk:-}" ] || { fusermount3 -uz "$M"; wait_for 20 no_daemon; umount -l "$disk"; } 2> /dev/null
}
if [ "$(id -u)" = 0 ] && mkdir "$T/disk" && mount -t tmpfs -o size=1m,mode=700 slullamafs-test "$T/disk" 2> /dev/null; then
	disk=$T/disk
	config "[mount]
state_dir = \"$disk\"" | mount_with || bail 'no mount on the small disk'
	: > "$T/m.ledger"
	: > "$T/m.ledger.hold"
	mkdir "$B/full"
	numbers 1 300 full > "$B/full/in.jsonl"
	ok 'a batch runs' wait_for 60 ledger_has m 4
	dd if=/dev/zero of="$disk/filler" bs=4k 2> /dev/null
	rm "$T/m.ledger.hold"
	ok 'a full disk: it waits and says so' wait_for 30 eval 'field m/batch/full last_error | grep -q "No space left"'
	is 'it is running' "$(field m/batch/full state)" running
	not_ok 'questions that do not fit are refused' bash -c "mkdir '$B/more' && head -c 500000 /dev/zero | tr '\\0' x > '$B/more/in.jsonl'"
	rm "$disk/filler"
	finished m/batch/full
	is 'with room again each line has one result' "$(contents m/batch/full)" "$(numbers 1 300 full)"
	is 'and no trouble is left' "$(field m/batch/full last_error)" null
	unmount
else
	skip 'a full disk' 'a small disk needs root'
fi
done_testing

#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Prompts and verbs that cannot be used: the errno, the sentence, and that nothing is lost by them.
. "$(dirname "$0")/lib.sh"

mount_with <<- END || bail 'no mount'
	[mount]
	max_prompt = "1MiB"
	[model.parrot]
	engine = "parrot"
	slots = 1
	max_queue = 2
	[model.slow]
	engine = "parrot"
	slots = 1
	max_queue = 2
	engine_args = ["--gate", "$T/gate"]
	END
: > "$T/gate"
cd "$M/parrot" || bail 'no model'

# refused NAME ERRNO REGEX SCRIPT: bash says the errno's text, reply fails with it, error matches.
refused() {
	local out
	out=$(setsid -w timeout 60 bash -c "{ $4; } 2> '$T/e1'; cat reply 2> '$T/e2'; cat error" < /dev/null)
	if grep -q "$2" "$T/e1" && grep -q "$2" "$T/e2" && [[ $out =~ $3 ]] && [ "$(wc -l <<< "$out")" = 1 ]; then
		pass "$1"
	else
		fail "$1" "write: $(cat "$T/e1")"$'\n'"read: $(cat "$T/e2")"$'\n'"error: $out"
	fi
}

refused 'one byte more than max_prompt' 'File too large' 'max_prompt' 'head -c 1048577 /dev/zero | tr "\0" x > ask'
is 'exactly max_prompt' "$(bash -c 'head -c 1048576 /dev/zero | tr "\0" x > ask; cat reply | wc -c')" 1048576
refused 'a NUL byte' 'Invalid argument' 'NUL' 'printf "a\0b" > ask'
refused 'not UTF-8' 'Invalid argument' 'UTF-8' 'printf "a\377b" > ask'
refused 'an overlong form' 'Invalid argument' 'UTF-8' 'printf "a\300\200" > ask'
refused 'a surrogate' 'Invalid argument' 'UTF-8' 'printf "\355\240\200" > ask'
is 'a character that is cut at the end' "$(bash -c 'printf "a\303" > ask; cat reply 2>&1; cat error' | grep -c -e 'Invalid argument' -e 'UTF-8')" 2
is 'a character in two writes' "$(bash -c '{ printf "\303"; printf "\244"; } > ask; cat reply')" ä
is 'an emoji in four writes' "$(bash -c '{ printf "\360"; printf "\237"; printf "\230"; printf "\200"; } > ask; cat reply')" 😀
is 'only blanks: an empty answer' "$(bash -c 'echo old > ask; cat reply >/dev/null; printf " \n\t\n" > ask; cat reply')" ''
like 'and error says so' "$(bash -c 'printf " \n" > ask; cat error')" 'empty'
is 'only the last newline goes' "$(bash -c 'printf "a\n\n" > ask; cat reply | od -An -c | tr -d " "')" 'a\n'
is 'carriage returns stay' "$(bash -c 'printf "a\r\n" > ask; cat reply | od -An -c | tr -d " "')" 'a\r'
is 'the next prompt is answered' "$(bash -c 'echo next > ask; cat reply')" next

# --- a full queue
cd ../slow || bail
bash -c 'echo one > ask' && bash -c 'echo two > ask'
ok 'the first is under way' wait_for 60 jq -e '.requests.active == 1' status
bash -c 'echo three > ask'
ok 'two wait' wait_for 60 jq -e '.requests.waiting == 2' status
refused 'a full queue refuses the open' 'Device or resource busy' 'max_queue' 'echo four > ask'
head -c 1000 /dev/zero > "$T/gate"
ok 'the others are answered' wait_for 60 jq -e '.requests.done == 3' status

# --- ctl
cd "$M" || bail
verb() { # NAME FILE TEXT
	local out
	if out=$(bash -c 'printf "%s" "$1" > "$2"' - "$3" "$2" 2>&1); then
		fail "$1" 'was taken'
	elif [[ $out =~ 'Invalid argument' ]]; then
		pass "$1"
	else
		fail "$1" "$out"
	fi
}
verb 'an unknown verb' parrot/ctl $'frobnicate\n'
ok 'is quoted in the log' grep -q frobnicate log
verb 'an unknown verb at the root' ctl $'frobnicate\n'
verb 'too many words' parrot/ctl $'wake up now please\n'
verb 'too few words' ctl $'wake\n'
verb 'a verb of a megabyte' parrot/ctl "$(head -c 100000 /dev/zero | tr '\0' x)"
verb 'an empty line' parrot/ctl $'\n'
not_ok 'a model that is not there' bash -c 'echo wake nobody > ctl'
like 'reading a ctl lists its verbs' "$(cat parrot/ctl)" 'wake.*stop.*cancel'
ok 'wake' bash -c 'echo wake > parrot/ctl'
ok 'stop' bash -c 'echo stop > parrot/ctl'
ok 'it falls asleep' wait_for 60 state_is parrot asleep
ok 'stop all' bash -c 'echo stop all > ctl'
not_ok 'cancel without anything under way' setsid -w bash -c 'echo cancel > parrot/ctl'

# --- cancel what is under way
: > "$T/gate"
cd slow || bail
echo 'to be cancelled' > ask
head -c 2 /dev/zero > "$T/gate"
ok 'it streams' wait_for 60 bash -c "[ \"\$(timeout 0.2 cat reply)\" = 'to be' ]"
cat reply > "$T/got" 2> "$T/err" &
reader=$!
ok 'its reader waits' wait_for 20 test -s "$T/got"
echo cancel > ctl
wait "$reader"
is 'cancel: its reader has the text so far' "$(cat "$T/got")" 'to be'
ok 'and then ECANCELED' grep -qi 'cancel' "$T/err"
ok 'the engine is free again' wait_for 20 jq -e '.requests.active == 0' status
: > "$T/gate"
echo 'a b' > ask
bash -c 'echo "c d" > ask; cat reply' 2> "$T/err" &
reader=$!
ok 'two are there' wait_for 60 jq -e '.requests.active + .requests.waiting == 2' status
echo cancel all > ctl
wait "$reader"
ok 'cancel all reaches other sessions of the user' grep -qi cancel "$T/err"

# --- what a generated tree does not allow
for command in 'touch new' 'mkdir new' 'rm status' 'ln -s a b' 'ln ask hard' 'mv ask asked' 'mknod p p' 'rmdir log'; do
	like "EPERM: $command" "$(bash -c "$command" 2>&1)" 'not permitted|cannot'
done
not_ok 'status cannot be written' bash -c 'echo x > status'
ok 'nothing of ours complained' no_complaints
cd /
done_testing

#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Every way in which shells, tools and editors write a file makes the prompt that its user meant: one, whole, and answered to
# the one who asked. The rows are those of the table of what programs really send to a file system.
. "$(dirname "$0")/lib.sh"

mount_with <<- END || bail 'no mount'
	[model.parrot]
	engine = "parrot"
	END
cd "$M/parrot" || bail 'no model'
printf 'one\ntwo\n' > "$T/two-lines"
printf 'x\n' > "$T/x"

done_count() {
	jq .requests.done < status
}

# answers WANT PROMPTS NAME COMMAND...: the command, run in a session of its own in the model's directory, prints WANT and asks
# PROMPTS times.
answers() {
	local want=$1 prompts=$2 name=$3 got before
	shift 3
	before=$(done_count)
	got=$(setsid -w timeout 60 "$@" 2> "$T/stderr" < /dev/null)
	if [ "$got" = "$want" ] && [ $(($(done_count) - before)) = "$prompts" ]; then
		pass "$name"
	else
		fail "$name" "got: $got"$'\n'"want: $want"$'\n'"prompts: $(($(done_count) - before)) of $prompts"$'\n'"$(cat "$T/stderr")"
	fi
}

for shell in bash dash zsh ksh 'busybox sh'; do
	# shellcheck disable=SC2086
	{
		answers x 1 "$shell: echo x > ask" $shell -c 'echo x > ask; cat reply'
		answers x 1 "$shell: echo x >> ask" $shell -c 'echo x >> ask; cat reply'
		answers $'a\nb' 1 "$shell: { echo a; echo b; } > ask" $shell -c '{ echo a; echo b; } > ask; cat reply'
		answers $'a\nb' 1 "$shell: a loop" $shell -c 'for i in a b; do echo $i; done > ask; cat reply'
		answers $'a\nb' 1 "$shell: a subshell of two programs, which flushes in the middle" $shell -c '(/bin/echo a; /bin/echo b) > ask; cat reply'
		answers $'a\nb' 1 "$shell: a program ends between two lines" $shell -c '(echo a; sleep 0.2; echo b) > ask; cat reply'
		answers $'here\nis' 1 "$shell: a here document" $shell -c $'cat <<E > ask\nhere\nis\nE\ncat reply'
		answers hiho 2 "$shell: exec 3<>ask, turn after turn" $shell -c 'exec 3<>ask; echo hi >&3; cat <&3; echo ho >&3; cat <&3'
		answers hi 1 "$shell: exec 3>ask and a cat that holds it too" $shell -c 'exec 3>ask; echo hi >&3; cat reply'
		answers old 1 "$shell: an open that writes nothing leaves no trace" $shell -c 'echo old > ask; cat reply > /dev/null; : > ask; touch ask; cat reply'
		answers '' 0 "$shell: nothing but blanks has an empty answer, at once" $shell -c 'echo "  " > ask; cat reply'
	}
done
answers x 1 'tcsh: echo x > ask' tcsh -f -c 'echo x > ask; cat reply'
answers x 1 'fish: echo x > ask' fish --no-config -c 'echo x > ask; cat reply'

answers $'one\ntwo' 1 'cat file > ask' bash -c "cat '$T/two-lines' > ask; cat reply"
answers $'one\ntwo' 1 'cp file ask' bash -c "cp '$T/two-lines' ask; cat reply"
answers $'one\ntwo' 1 'tee' bash -c "tee ask < '$T/two-lines' > /dev/null; cat reply"
answers $'one\ntwo' 1 'dd' bash -c "dd of=ask status=none < '$T/two-lines'; cat reply"
answers $'one\ntwo' 1 'dd conv=notrunc bs=1' bash -c "dd of=ask bs=1 conv=notrunc status=none < '$T/two-lines'; cat reply"
answers $'one\ntwo' 1 'sed w' bash -c "sed -n 'w ask' '$T/two-lines'; cat reply"
answers $'one\ntwo' 1 'curl -o' bash -c "curl -s -o ask 'file://$T/two-lines'; cat reply"
answers x 1 'ed' bash -c 'printf "a\nx\n.\nw ask\nq\n" | ed -s; cat reply'
answers x 1 'python with open' python3 -c "
with open('ask', 'w') as f: f.write('x')
print(open('reply').read())"
answers x 1 'python without close' bash -c "python3 -c \"f = open('ask', 'w'); f.write('x'); f.flush(); import os; os._exit(0)\"; cat reply"
answers x 1 'python: write, flush and read in one process' python3 -c "
f = open('ask', 'w'); f.write('x'); f.flush()
print(open('reply').read())"
answers old 1 'python: a reader that holds ask open unwritten never gets the answer before' python3 -c "
import os
with open('ask', 'w') as f: f.write('old')
print(open('reply').read(), flush=True)
f = open('ask', 'w'); f.write('buffered')
assert open('reply').read() == ''
os._exit(0)"
answers x 1 'python: fsync submits' python3 -c "
import os
f = open('ask', 'w'); f.write('x'); f.flush(); os.fsync(f.fileno())
print(open('reply').read()); f.close()"
answers x 1 'python: subprocess with ask as its output' python3 -c "
import subprocess
with open('ask', 'w') as f: subprocess.run(['echo', 'x'], stdout=f)
print(open('reply').read())"
answers x 1 'python: r+b, unbuffered, on one descriptor' python3 -c "
f = open('ask', 'r+b', buffering=0); f.write(b'x'); print(f.read(10).decode())"
answers hello 1 'write and ftruncate to what was written, as rsync --inplace does' python3 -c "
import os
f = os.open('ask', os.O_WRONLY); os.write(f, b'hello'); os.ftruncate(f, 5); os.close(f)
print(open('reply').read())"
answers Jello 1 'a byte written over' python3 -c "
import os
f = os.open('ask', os.O_WRONLY); os.write(f, b'hello'); os.pwrite(f, b'J', 0); os.close(f)
print(open('reply').read())"
answers old 1 'a descriptor that cat inherits, with nothing written to it yet, means what is still to be asked' bash -c 'echo old > ask; cat reply; exec 3> ask; cat reply'
answers mine 1 'a script that is not disturbed by an ask that somebody else holds open' bash -c "
setsid sleep 60 > ask & echo mine > ask; exec 3<> ask; exec 3>&-; cat reply; kill \$!"
answers x 1 'perl' perl -e 'open F, ">", "ask"; print F "x"; close F; open R, "<", "reply"; print <R>;'
answers x 1 'node' node -e "fs.writeFileSync('ask', 'x'); process.stdout.write(fs.readFileSync('reply'))"

answers typed 1 'vim :wq' bash -c "script -qec 'vim -u NONE -N -c \"normal ggdGityped\" -c wq ask' /dev/null > /dev/null; cat reply"
cat > "$T/nano.exp" <<- 'END'
	set timeout 30
	spawn -noecho nano -R ask
	expect "Exit"
	send "typed\017"
	expect "Write"
	send "\r"
	expect "Wrote"
	send "\030"
	expect eof
	END
answers typed 1 'nano' bash -c "TERM=xterm expect '$T/nano.exp' > '$T/nano' 2>&1; cat reply"

answers $'one\ntwo' 1 'rsync --inplace' bash -c "rsync --inplace '$T/two-lines' ask; cat reply"
answers kept 1 'what emacs does: a lock that cannot be made, two writes, and an open that writes nothing' python3 -c "
import os
try: os.symlink('me@here.1', '.#ask'); print('a lock')
except PermissionError: pass
f = os.open('ask', os.O_WRONLY | os.O_TRUNC); os.write(f, b'ke'); os.write(f, b'pt'); os.close(f)
os.close(os.open('ask', os.O_WRONLY))
print(open('reply').read())"

not_ok 'rsync without --inplace fails cleanly' rsync "$T/x" ask
not_ok 'install fails cleanly' install "$T/x" ask
cp "$T/x" "$T/y"
not_ok 'mv over it fails cleanly' mv -f "$T/y" ask
not_ok 'sed -i fails cleanly' sed -i s/a/b/ ask
not_ok 'a new file beside it fails cleanly' cp "$T/x" .ask.tmp
not_ok 'rm ask fails' rm -f ask
ok 'several readers each get the whole answer' bash -c 'echo whole > ask; a=$(cat reply & cat reply; wait); [ "$a" = wholewhole ]'
is 'ask read by its asker is its last prompt' "$(bash -c 'echo what > ask; cat ask; cat reply > /dev/null')" what

# A subshell in the background that is not done: its reader waits for the whole prompt.
answers $'a\nb' 1 'a reader waits for a draft that is being written' bash -c '(/bin/echo a; sleep 0.6; /bin/echo b) > ask & until [ -n "$(cat ask)" ]; do :; done; cat reply'

head -c 3000000 /dev/zero | tr '\0' x > "$T/big"
bash -c "cat '$T/big' > ask; cat reply" > "$T/big.reply"
ok 'three megabytes through a pipe come back byte for byte' cmp "$T/big" "$T/big.reply"

ok 'nothing of ours complained' no_complaints
cd /
done_testing

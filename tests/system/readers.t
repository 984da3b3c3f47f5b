#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Every reader sees the answer as it comes: the first text is read before the engine may say the second word.
. "$(dirname "$0")/lib.sh"

: > "$T/gate"
mount_with <<- END || bail 'no mount'
	[model.slow]
	engine = "parrot"
	engine_args = ["--gate", "$T/gate"]
	[model.quick]
	engine = "parrot"
	[model.fresh]
	engine = "parrot"
	END

open_gate() { # N more tokens
	head -c "$1" /dev/zero >> "$T/gate"
}

# --- a streaming answer
cd "$M/slow" || bail 'no model'
echo 'one two three four' > ask
cat reply > "$T/streamed" &
reader=$!
open_gate 1
ok 'the first word is read before the second may be said' wait_for 60 test -s "$T/streamed"
is 'and nothing more' "$(cat "$T/streamed")" one
is 'the size is 0 while the answer streams' "$(stat -c %s reply)" 0
not_ok 'a reader that does not want to wait is not made to' timeout 10 dd if=reply of=/dev/null iflag=nonblock bs=1000 count=2
kill -STOP "$reader"
kill -CONT "$reader"
is 'a reader with a time limit gets what has come' "$(timeout 1 cat reply)" one
cat reply > /dev/null &
parked=$!
ok 'a second reader waits' wait_for 10 grep -q '^State:.S' "/proc/$parked/status"
kill -KILL "$parked"
wait "$parked" 2> /dev/null
pass 'a waiting reader can be killed'
open_gate 100
wait "$reader"
is 'the first reader, stopped and continued, has it all' "$(cat "$T/streamed")" 'one two three four'
is 'the size is exact when it is complete' "$(stat -c %s reply)" 18
before=$(stat -c %y reply)
cat reply > /dev/null
is 'mtime moves only when content does' "$(stat -c %y reply)" "$before"

# --- poll, epoll and select
: > "$T/gate"
cat > "$T/poll.py" <<- 'END'
	import os, select, sys
	def gate():
	    with open(sys.argv[1], 'a') as f: f.write('1')
	with open('ask', 'w') as f: f.write('a b')
	fd = os.open('reply', os.O_RDONLY | os.O_NONBLOCK)
	p = select.poll(); p.register(fd, select.POLLIN)
	assert p.poll(0) == [], 'ready too early'
	gate()
	assert p.poll(50000), 'never ready'
	assert os.read(fd, 100) == b'a'
	assert select.select([fd], [], [], 0)[0] == []
	e = select.epoll(); e.register(fd, select.EPOLLIN)
	gate()
	assert e.poll(50)
	assert os.read(fd, 100) == b' b'
	END
ok 'poll, select and epoll tell when there is text' timeout 60 python3 "$T/poll.py" "$T/gate"
open_gate 100

# --- a complete answer
cd "$M/quick" || bail 'no model'
text=$'The quick brown fox\njumps over\nthe lazy dog'
printf '%s\n' "$text" > ask
cat reply > "$T/want"
is 'cat' "$(cat reply)" "$text"
while read -r command; do
	bash -c "${command/FILE/reply}" > "$T/got" 2> "$T/stderr" < /dev/null
	# sed, grep and friends end the last line, which has no newline.
	ok "$command" diff <(sed -e '$a\' "$T/want") <(sed -e '$a\' "$T/got")
done <<- 'END'
	head -c 1000 FILE
	head -n 10 FILE
	tail -c 1000 FILE
	tail -n +1 FILE
	dd status=none if=FILE
	dd status=none bs=7 if=FILE
	sed -n p FILE
	grep '' FILE
	awk 1 FILE
	perl -pe 1 FILE
	busybox cat FILE
	less FILE
	cut -c1- FILE
	base64 FILE | base64 -d
	gzip -c FILE | gzip -dc
	python3 -c "import sys; sys.stdout.write(open(sys.argv[1]).read())" FILE
	python3 -c "import sys; print(*[l.rstrip() for l in open(sys.argv[1])], sep='\n')" FILE
	node -e "process.stdout.write(fs.readFileSync(process.argv[1]))" FILE
	zsh -c 'cat < FILE'
	tar -cf - FILE | tar -xOf -
	END
is 'wc -c' "$(wc -c < reply)" "$(wc -c < "$T/want")"
ok 'cmp' cmp reply "$T/want"
ok 'cp' bash -c "cp reply '$T/copy' && cmp '$T/copy' '$T/want'"
is 'while read' "$(while IFS= read -r l || [ -n "$l" ]; do echo "$l"; done < reply)" "$text"
is '$(<reply)' "$(< reply)" "$text"
is 'twice in one command' "$(cat reply reply)" "$text$text"
cat > "$T/seek.py" <<- 'END'
	import os, sys, tempfile
	want = open(sys.argv[1], 'rb').read()
	fd = os.open('reply', os.O_RDONLY)
	assert os.pread(fd, 5, 4) == want[4:9]
	assert os.read(fd, 1000) == want
	os.lseek(fd, 0, 0)
	assert os.read(fd, 3) == want[:3]
	with tempfile.TemporaryFile() as out:
	    assert os.sendfile(out.fileno(), fd, 0, 1000) == len(want)
	    out.seek(0)
	    assert out.read() == want
	END
ok 'sendfile, pread and seeking back' python3 "$T/seek.py" "$T/want"
is 'nothing asked: end of file at once' "$(timeout 10 cat ../fresh/reply)" ''

# --- the whole tree is read without a wake and without waiting
cd "$M" || bail
ok 'find, du, grep -r, cp -r and ls -lR never hang' timeout 60 bash -c "find . > /dev/null; du -a . > /dev/null; grep -r zzz . ; ls -lR . > /dev/null; cp -r . '$T/copied'"
ok 'nothing of ours complained' no_complaints
cd /
done_testing

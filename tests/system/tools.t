#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Programs that people use around files: each as a person would, on a terminal where it wants one.
. "$(dirname "$0")/lib.sh"

mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[model.parrot]
	engine = "parrot"
	slots = 8
	END
D=$M/parrot
echo wake > "$D/ctl"
ok 'ready' wait_for 60 state_is parrot ready

# ---- make -j: its lines are one process's children, so each asks and reads on one descriptor
mkdir "$T/make"
for i in 1 2 3 4 5 6; do
	echo "question $i" > "$T/make/$i.in"
done
cat > "$T/make/Makefile" <<- 'END'
	SHELL = /bin/bash
	all: $(patsubst %.in,%.out,$(wildcard *.in))
	%.out: %.in; @\
		exec 3<> $(D)/ask; cat $< >&3; cat <&3 > $@
	END
ok 'make -j' timeout 120 make -s -j 6 -C "$T/make" "D=$D"
is 'each line has its own answer' "$(cat "$T"/make/*.out)" "$(cat "$T"/make/*.in | tr -d '\n')"

# ---- split, a filter for each piece
seq 6 > "$T/numbers"
is 'split --filter' "$(split -l 2 --filter="exec 3<> '$D/ask'; cat >&3; cat <&3; echo" "$T/numbers" | paste -sd ' ')" '1 2 3 4 5 6'

# ---- asyncio: a reply is ready when the loop says so, and many at once
is 'asyncio' "$(timeout 120 python3 - "$D/ask" <<- 'END'
	import asyncio, os, sys
	async def ask(text):
	    fd = os.open(sys.argv[1], os.O_RDWR | os.O_NONBLOCK)
	    os.write(fd, text.encode())
	    os.fsync(fd) # it is asked
	    answer, over = b'', asyncio.get_running_loop().create_future()
	    def ready():
	        nonlocal answer
	        try: piece = os.read(fd, 65536)
	        except BlockingIOError: return
	        answer += piece
	        if not piece and not over.done(): over.set_result(None)
	    asyncio.get_running_loop().add_reader(fd, ready)
	    await over
	    asyncio.get_running_loop().remove_reader(fd)
	    os.close(fd)
	    return answer.decode()
	async def main():
	    texts = [f'number {i}' for i in range(20)]
	    print(list(await asyncio.gather(*map(ask, texts))) == texts)
	asyncio.run(main())
	END
)" True

# ---- What looks at a terminal: in tmux
if command -v tmux > /dev/null; then
	tmux_here() {
		timeout 60 tmux -S "$T/tmux" -f /dev/null "$@"
	}
	cleanup() {
		tmux_here kill-server 2> /dev/null
	}
	shows() {
		tmux_here capture-pane -p -t "$1" | grep -q -- "$2"
	}
	ok 'tmux' tmux_here new-session -d -s watch -x 100 -y 30 "watch -n 1 jq -r .state '$D/status'"
	ok 'watch shows the state' wait_for 60 shows watch '^ready'
	echo stop > "$D/ctl"
	ok 'and the next one' wait_for 60 shows watch '^asleep'
	tmux_here new-session -d -s shell -x 100 -y 30 bash --norc
	tmux_here send-keys -t shell "echo 'in a pane' > '$D/ask'; cat '$D/reply'; echo" Enter
	ok 'a pane asks and reads' wait_for 60 shows shell '^in a pane$'
	if command -v fzf > /dev/null; then
		tmux_here new-session -d -s fzf -x 100 -y 30 "ls -r '$D/history' | fzf --preview 'cat $D/history/{}/prompt'"
		ok 'fzf previews what was asked' wait_for 60 shows fzf 'in a pane'
	else
		skip 'fzf' 'not installed'
	fi
else
	skip 'tmux, watch, fzf' 'tmux is not installed'
fi

# ---- inotify sees what programs do here, and not what the daemon adds: for that there are tail -f and poll(2) (slullamafs(1), READING)
if command -v inotifywait > /dev/null; then
	inotifywait -q -e close_write "$D/ask" > "$T/seen" 2> "$T/watching" &
	children+=($!)
	look() {
		echo look > "$D/ask"
		[ -s "$T/seen" ]
	}
	ok 'inotifywait sees a question' wait_for 60 look
else
	skip 'inotifywait' 'not installed'
fi
tail -n 0 -f "$M/events" > "$T/events" 2> /dev/null &
children+=($!)
moved() {
	echo wake > "$D/ctl"
	sleep 0.2
	echo stop > "$D/ctl"
	grep -q '"event":"model"' "$T/events"
}
ok 'tail -f follows events' wait_for 60 moved
ok 'nothing unexpected in the log' no_complaints
done_testing

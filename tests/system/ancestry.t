#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Whose answer `reply` is, with real processes: a row for each shape of ancestry. Matching by equal parent, or by user alone,
# fails several of them.
. "$(dirname "$0")/lib.sh"

mount_with <<- END || bail 'no mount'
	[model.parrot]
	engine = "parrot"
	slots = 64
	END
export D=$M/parrot T
cd "$D" || bail 'no model'

# prints NAME WANT SCRIPT: the bash script, in a session of its own, prints WANT.
prints() {
	is "$1" "$(setsid -w timeout 120 bash -c "$3" 2> "$T/stderr" < /dev/null)" "$2"
}

cat > "$T/ask-and-read" <<- 'END'
	#!/bin/bash
	echo "$1" > "$D/ask"
	[ "$(cat "$D/reply")" = "$1" ] && echo "right $1" || echo "wrong $1"
	END
cat > "$T/inner" <<- 'END'
	#!/bin/bash
	echo inner > "$D/ask"
	END
chmod +x "$T/ask-and-read" "$T/inner"
mkfifo "$T/fifo"
setsid -w bash -c 'echo elsewhere > ask; cat reply' > /dev/null # whom nobody below may take for itself

prints 'builtin' a 'echo a > ask; cat reply'
prints 'subshell' b '(echo b > ask); cat reply'
prints 'command substitution' c 'x=$(echo c > ask); cat reply'
prints 'read by command substitution' d 'echo d > ask; x=$(cat reply); echo $x'
prints 'pipeline' e 'echo e | cat > ask; cat reply | cat'
prints 'script in script: the outer one reads what the inner one asked' inner '"$T/inner"; cat reply'
prints 'script in script: the inner one does not disturb its own' 'right z' 'echo y > ask; cat reply > /dev/null; "$T/ask-and-read" z'
prints 'the nearer asker wins, however late the other' mine 'bash -c "echo mine > ask; cat reply > /dev/null; kill -USR1 $$; read -r < $T/fifo; cat reply" & trap "echo other > ask; cat reply > /dev/null; echo go > $T/fifo" USR1; wait; wait'
prints 'background job of the same shell' f 'echo f > ask & wait; cat reply'
prints 'asker has exited' g 'bash -c "echo g > ask"; cat reply'
prints 'function in a subshell of a subshell' h '( ( echo h > ask ) ); ( ( cat reply ) )'
prints 'second session, read by its parent' i 'setsid -w bash -c "echo i > ask"; cat reply'
prints 'a session of its own for each command: nothing binds' '' 'setsid -w bash -c "echo j > ask"; setsid -w cat reply; :'
prints 'and error says so' yes 'setsid -w bash -c "echo j > ask"; setsid -w cat error | grep -q "nothing that you asked" && echo yes'
prints 'daemonised reader: nothing binds' '' 'echo k > ask; cat reply > /dev/null; (setsid bash -c "exec cat reply > $T/daemon; " & ) ; until [ -e "$T/daemon" ]; do :; done; cat "$T/daemon"'
prints 'Python threads share one process' 'right' 'python3 -c "
import threading
def ask():
    with open(\"ask\", \"w\") as f: f.write(\"thread\")
t = threading.Thread(target=ask); t.start(); t.join()
out = []
t = threading.Thread(target=lambda: out.append(open(\"reply\").read())); t.start(); t.join()
print(\"right\" if out == [\"thread\"] else out)"'
prints 'Node, whose threads take turns' node-node 'node -e "
const { promises: p } = fs;
(async () => { await p.writeFile(\"ask\", \"node-node\"); process.stdout.write(await p.readFile(\"reply\", \"utf8\")); })()"'

many=$(seq 1 24)
want=$(for i in $many; do echo "right $i"; done | sort)
is 'xargs -P: each worker its own' "$(printf '%s\n' $many | xargs -P 8 -n 1 "$T/ask-and-read" | sort)" "$want"
is 'xargs -P with sh -c' "$(printf '%s\n' $many | xargs -P 8 -I{} sh -c 'echo {} > ask; [ "$(cat reply)" = {} ] && echo right {}' | sort)" "$want"
is 'GNU parallel' "$(printf '%s\n' $many | parallel --will-cite -j 8 "$T/ask-and-read" 2> /dev/null | sort)" "$want"
is 'two scripts side by side' "$({ "$T/ask-and-read" p & "$T/ask-and-read" q & wait; } | sort)" $'right p\nright q'

# Sixty-four at once, by read and by sendfile, each with the answer to its own question.
cat > "$T/stress.py" <<- 'END'
	import os, sys, tempfile
	me = f'question {sys.argv[1]} ' * 50
	with open('ask', 'w') as f: f.write(me)
	with open('reply') as f: assert f.read() == me, 'read'
	fd = os.open('reply', os.O_RDONLY)
	with tempfile.TemporaryFile() as out:
	    while os.sendfile(out.fileno(), fd, None, 1 << 20): pass
	    out.seek(0)
	    assert out.read().decode() == me, 'sendfile'
	END
ok '64 parallel askers, by read and by sendfile' timeout 300 bash -c "seq 1 64 | xargs -P 64 -n 1 python3 '$T/stress.py'"

# A caller that cannot be seen: the daemon lives in a pid namespace of its own, whose mount reaches us through a shared mount.
# /proc is mounted anew in its mount namespace alone.
far_caller() {
	mkdir -p "$T/shared"
	mount --bind "$T/shared" "$T/shared" && mount --make-shared "$T/shared" || return
	mkdir "$T/shared/llm"
	cat > "$T/far.toml" <<- END
		[gateway]
		listen = "127.0.0.1:0"
		[model.parrot]
		engine = "parrot"
	END
	unshare -m --propagation unchanged -p -f --kill-child bash -c "
		mount --make-private /proc 2> /dev/null
		mount -t proc proc /proc && exec '$SLULLAMAFS' mount '$T/shared/llm' -f -c '$T/far.toml'" > "$T/far.log" 2>&1 &
	far=$!
	wait_for 30 is_mounted "$T/shared/llm"
}

cleanup() {
	cd /
	umount -l "$T/shared/llm" "$T/shared" 2> /dev/null
	[ -z "${far:-}" ] || kill "$far" 2> /dev/null
}

if [ "$(id -u)" = 0 ] && unshare -m -p -f true 2> /dev/null; then
	if far_caller; then
		ok 'a caller from another pid namespace: its prompt is taken' bash -c "echo far > '$T/shared/llm/parrot/ask'"
		is 'and it gets end of file' "$(timeout 20 cat "$T/shared/llm/parrot/reply")" ''
		ok 'the prompt was asked all the same' wait_for 60 jq -e '.requests.done == 1' "$T/shared/llm/parrot/status"
	else
		fail 'a mount from within a pid namespace' "$(cat "$T/far.log")"
	fi
	fusermount3 -uz "$T/shared/llm"
	wait_for 20 eval '! kill -0 $far'
	umount "$T/shared"
else
	skip 'a caller from another pid namespace' 'needs root'
fi

# hidepid=2 hides root's ancestors from a user's daemon: the chain ends there, and what is below still binds. The user gets a
# /dev/fuse of its own, since the machine's may be closed.
cat > "$T/hidden.sh" <<- 'END'
	mount --make-rprivate / 2> /dev/null
	mount -t proc -o hidepid=2 proc /proc || exit
	mknod "$1/fuse" c 10 229 && chmod 666 "$1/fuse" && mount --bind "$1/fuse" /dev/fuse || exit
	exec setpriv --reuid 65534 --regid 65534 --clear-groups bash -c '
		"$0/slullamafs" mount "$0/llm" -c "$0/config.toml" || exit
		cd "$0/llm/parrot"
		[ ! -e /proc/1/stat ] || echo "init can be seen"
		(echo hidden > ask); cat reply
		cd /; fusermount3 -u "$0/llm"' "$1"
	END
if [ "$(id -u)" = 0 ] && unshare -m true 2> /dev/null; then
	user=$(mktemp -d /tmp/slullamafs-user.XXXXXX)
	mkdir "$user/llm"
	cp "$SLULLAMAFS" "$user/slullamafs" # the user may not be able to reach ours
	printf '[gateway]\nlisten = "127.0.0.1:0"\n[mount]\nstate_dir = "%s/state"\nruntime_dir = "%s/run"\n[cluster.local]\nkind = "local"\nworkdir = "%s/work"\n[model.parrot]\nengine = "parrot"\n' "$user" "$user" "$user" > "$user/config.toml"
	chown -R 65534:65534 "$user"
	is 'hidepid=2' "$(HOME=$user timeout 60 unshare -m bash "$T/hidden.sh" "$user" 2>&1)" hidden
	rm -rf "$user"
else
	skip 'hidepid=2' 'needs root'
fi

# An init without a session, as some containers have: all below it are of session 0, but for those that begin one.
cat > "$T/bare.sh" <<- 'END'
	"$1" mount "$2/bare" -c "$2/bare.toml" || exit
	cd "$2/bare/parrot"
	bash -c 'setsid -w bash -c "echo nested > ask"; cat reply; :'
	bash -c 'cat reply; :'
	cd /; fusermount3 -u "$2/bare"
	END
if [ "$(id -u)" = 0 ] && unshare -m -p -f true 2> /dev/null; then
	mkdir "$T/bare"
	{
		cat "$T/far.toml"
		printf '[mount]\nstate_dir = "%s"\nruntime_dir = "%s"\n' "$T/bare.state" "$T/bare.run"
	} > "$T/bare.toml"
	is 'a second session, read by its parent below an init without one; and nobody else' \
		"$(timeout 60 unshare -m -p -f --mount-proc --kill-child bash "$T/bare.sh" "$SLULLAMAFS" "$T" 2>&1)" nested
else
	skip 'an init without a session' 'needs root'
fi

ok 'nothing of ours complained' no_complaints
cd /
done_testing

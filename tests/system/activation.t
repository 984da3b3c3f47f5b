#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Sockets that are handed to `serve` as systemd does it (sd_listen_fds(3)): descriptors from 3 on, how many in LISTEN_FDS, for whom in
# LISTEN_PID. What does it here needs no systemd.
. "$(dirname "$0")/lib.sh"

C=(curl -sS --max-time 60 --noproxy '*')

# activate SPEC... -- ENV... -- PROGRAM...: becomes PROGRAM with a descriptor for each SPEC: unix:PATH or tcp:HOST listen, udp and idle are
# sockets that do not, file:PATH is none. Where tcp listens is added to $T/ports. ENV is NAME=VALUE, with PID for the program's own.
# With $T/hold there, the program begins when that is gone.
cat > "$T/activate.py" <<- 'END'
	import os, socket, sys, time
	T = os.environ['T']
	args = sys.argv[1:]
	specs, rest = args[:args.index('--')], args[args.index('--') + 1:]
	env, program = rest[:rest.index('--')], rest[rest.index('--') + 1:]
	fds = []
	for spec in specs:
	    kind, _, where = spec.partition(':')
	    if kind == 'unix':
	        s = socket.socket(socket.AF_UNIX)
	        s.bind(where)
	        s.listen(100)
	    elif kind == 'tcp':
	        s = socket.socket(socket.AF_INET6 if ':' in where else socket.AF_INET)
	        s.bind((where, 0))
	        s.listen(100)
	        with open(T + '/ports', 'a') as f:
	            f.write('%d\n' % s.getsockname()[1])
	    elif kind == 'udp':
	        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	    elif kind == 'idle':
	        s = socket.socket()
	    else:
	        s = open(where)
	    fds.append(os.dup(s.fileno()))
	high = [os.dup2(fd, 100 + i, inheritable=False) for i, fd in enumerate(fds)]
	for i, fd in enumerate(high):
	    os.dup2(fd, 3 + i, inheritable=True)
	while os.path.exists(T + '/hold'):
	    time.sleep(0.05)
	for e in env:
	    name, _, value = e.partition('=')
	    os.environ[name] = value.replace('PID', str(os.getpid()))
	os.execv(program[0], program)
END
export T
activate() {
	exec python3 "$T/activate.py" "$@" < /dev/null
}

cat > "$T/config.toml" <<- END
	[gateway]
	listen = "unix:$T/own"
	[cluster.here]
	kind = "local"
	[model.parrot]
	engine = "parrot"
END
serve=("$SLULLAMAFS" serve -c "$T/config.toml")
served() { # URL [CURL OPTIONS]
	[ "$("${C[@]}" -o /dev/null -w '%{http_code}' "${@:2}" "$1/health")" = 200 ]
}
end_server() { # NAME
	kill -TERM "$server"
	wait "$server"
	is "$1" $? 0
}

# --- two sockets, and a client that came before the program
touch "$T/hold"
(activate "unix:$T/one" tcp:127.0.0.1 -- LISTEN_FDS=2 LISTEN_PID=PID LISTEN_FDNAMES=a:b -- "${serve[@]}" > "$T/serve.log" 2>&1) &
server=$!
children+=("$server")
ok 'sockets are there before the program' wait_for 30 test -s "$T/ports" -a -S "$T/one"
"${C[@]}" --unix-socket "$T/one" -o /dev/null -w '%{http_code}' http://localhost/health > "$T/early" &
early=$!
rm "$T/hold"
wait "$early"
is 'who came before it is answered' "$(cat "$T/early")" 200
ok 'the second socket is served too' wait_for 30 served "http://127.0.0.1:$(tail -n 1 "$T/ports")"
not_ok 'what the configuration listens on is not' test -e "$T/own"
is 'a question through it' "$("${C[@]}" --unix-socket "$T/one" http://localhost/v1/chat/completions \
	-d '{"model":"parrot","messages":[{"role":"user","content":"Why?"}]}' | jq -r '.choices[0].message.content')" 'Why?'
engine=$(pgrep -f -- "--api-key-file $T/" | head -n 1)
ok 'the engine runs' test -n "$engine"
is 'and hears nothing of the sockets' "$(tr '\0' '\n' < "/proc/$engine/environ" | grep -c '^LISTEN_')" 0
is 'nor has it any' "$(find "/proc/$engine/fd" -lname 'socket:*' -printf '%l\n' | sort | comm -12 - <(find "/proc/$server/fd" -lname 'socket:*' -printf '%l\n' | sort))" ''
end_server 'it ends in order'
ok "systemd's file stays" test -S "$T/one"
not_ok 'nothing is wrong in its log' grep -q 'error: ' "$T/serve.log"

# --- for somebody else, or none
(activate "unix:$T/other" -- LISTEN_FDS=1 LISTEN_PID=1 -- "${serve[@]}" > "$T/serve.log" 2>&1) &
server=$!
children+=("$server")
ok 'sockets of another process: the configuration counts' wait_for 60 served http://localhost --unix-socket "$T/own"
not_ok 'nobody answers on them' "${C[@]}" --max-time 2 --unix-socket "$T/other" http://localhost/health
end_server 'it ends'
(activate -- LISTEN_FDS=0 LISTEN_PID=PID -- "${serve[@]}" > "$T/serve.log" 2>&1) &
server=$!
children+=("$server")
ok 'no sockets: the configuration counts' wait_for 60 served http://localhost --unix-socket "$T/own"
end_server 'it ends'

# --- what cannot be used
unusable() { # NAME PATTERN ACTIVATE'S ARGUMENTS
	local out
	out=$(activate "${@:3}" -- "${serve[@]}" 2>&1)
	is "$1: status" $? 1
	like "$1: the sentence" "$out" "$2"
}
touch "$T/file"
unusable 'a file' 'descriptor 3, which was to be listened on, is no socket that listens' "file:$T/file" -- LISTEN_FDS=1 LISTEN_PID=PID
unusable 'a datagram socket' 'descriptor 3.* is no socket that listens' udp -- LISTEN_FDS=1 LISTEN_PID=PID
unusable 'a socket that does not listen' 'descriptor 4.* is no socket that listens' "unix:$T/three" idle -- LISTEN_FDS=2 LISTEN_PID=PID
unusable 'fewer than were said' 'descriptor 4.* is no socket that listens' "unix:$T/four" -- LISTEN_FDS=2 LISTEN_PID=PID
for count in many -1 2x 1000000000 99999999999999999999; do
	unusable "LISTEN_FDS=$count" "LISTEN_FDS is \"$count\"" "unix:$T/u$count" -- "LISTEN_FDS=$count" LISTEN_PID=PID
done

# --- beyond this machine
unusable 'all addresses, for the owner alone' 'reaches beyond this machine while access' tcp:0.0.0.0 -- LISTEN_FDS=1 LISTEN_PID=PID
(umask 077 && echo geheim-0815 > "$T/token")
sed -i "1a access = \"token\"\ntoken_file = \"$T/token\"" "$T/config.toml"
unusable 'all addresses, with a token in clear' 'would cross the network in clear: .*allow_plain' tcp:0.0.0.0 -- LISTEN_FDS=1 LISTEN_PID=PID
unusable 'the same by IPv6' 'would cross the network in clear' tcp::: -- LISTEN_FDS=1 LISTEN_PID=PID
sed -i '1a allow_plain = true' "$T/config.toml"
(activate tcp:0.0.0.0 -- LISTEN_FDS=1 LISTEN_PID=PID -- "${serve[@]}" > "$T/serve.log" 2>&1) &
server=$!
children+=("$server")
ok 'with allow_plain it is served' wait_for 60 grep -q 'serving at' "$T/serve.log"
url=http://127.0.0.1:$(tail -n 1 "$T/ports")
is 'to who has the token' "$("${C[@]}" -o /dev/null -w '%{http_code}' "$url/v1/models") $("${C[@]}" -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer geheim-0815' "$url/v1/models")" '401 200'
end_server 'it ends'
done_testing

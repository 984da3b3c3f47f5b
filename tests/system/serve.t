#!/bin/bash
# SPDX-License-Identifier: MIT
#
# slullama, both ways: `serve` as its clients see it, `status` and `connect` against a server of slullama's and against ours.
. "$(dirname "$0")/lib.sh"

C=(curl -sS --max-time 60 --noproxy '*')
for name in TOKEN SERVER_PORT HOST LOCAL_PORT PARTITION GRES IDLE_TIMEOUT OLLAMA_BINARY OLLAMA_PORT CONFIG; do
	unset "SLULLAMA_$name"
done
http_status() {
	"${C[@]}" -o /dev/null -w '%{http_code}' "$@"
}
status() {
	"$SLULLAMAFS" status "$@" < /dev/null
}

# serve NAME ARGS...: a server whose log is $T/serve.log; $U is its URL and $port its port.
serve() {
	local name=$1
	shift
	: > "$T/serve.log"
	"$SLULLAMAFS" serve "$@" > "$T/serve.log" 2>&1 < /dev/null &
	server=$!
	children+=("$server")
	if wait_for 60 grep -q 'serving at' "$T/serve.log"; then
		pass "$name"
	else
		fail "$name" "$(cat "$T/serve.log")"
	fi
	U=$(sed -n 's/.*serving at //p' "$T/serve.log")
	port=${U##*:}
}
end_server() { # NAME
	kill -TERM "$server"
	wait "$server"
	is "$1" $? 0
}

# --- slullama's file as it is
cat > "$T/slullama.toml" <<- END
	[server]
	port = 0
	unheard_of = true
	[server.slurm]
	gres = "gpu:a100:1"
	[slurm]
	partition = "alvis"
	gres = "gpu:1"
	idle_timeout = 45
	[ollama]
	port = 11500
	pre_pull = ["qwen3.5:9b", "llama3:8b"]
	[client]
	host = "nobody@nowhere.invalid"
END
SLULLAMA_PARTITION=env serve 'serve with a file of slullama' -c "$T/slullama.toml"
like 'an unknown key is a warning' "$(cat "$T/serve.log")" 'slullama.toml:3: unknown key "unheard_of" in \[server\]'
is 'one line says how to open it' "$(grep -c 'only you on this machine.*--token-file' "$T/serve.log")" 1
is 'the status has the fields of slullama, and its words' "$("${C[@]}" "$U/slullama/status" | sed 's/"uptime_seconds": [0-9]*/"uptime_seconds": 0/')" \
	'{"version": "0.1.0", "uptime_seconds": 0, "request_count": 0, "idle_seconds": -1, "idle_timeout_minutes": 45, "tunnel_alive": false, "job": {"id": null, "state": "none", "node": null, "time_left": null}, "config": {"partition": "env", "gres": "gpu:a100:1", "ollama_port": 11500, "keep_alive": "extend"}}'
like 'its type' "$("${C[@]}" -I "$U/slullama/status" | tr -d '\r')" $'Content-Type: application/json; charset=utf-8\n'
is 'another method is none of its' "$(http_status -X POST "$U/slullama/status")" 405
is 'the models are those of pre_pull' "$("${C[@]}" "$U/v1/models" | jq -r '.data[].id' | xargs)" 'qwen3.5-9b llama3-8b'
like 'a second server of one configuration' "$("$SLULLAMAFS" serve -c "$T/slullama.toml" 2>&1)" 'another daemon'
out=$(status --port "$port")
is 'slullamafs status of it' "$? $(jq -r .config.partition <<< "$out")" '0 env'
kill -HUP "$server"
is 'SIGHUP changes nothing' "$(http_status "$U/slullama/status")" 200
end_server 'SIGTERM ends it in order'
not_ok 'nothing is wrong in its log' grep -q 'error: ' "$T/serve.log"

# --- a token
printf 'geheim-0815\n' > "$T/token"
chmod 600 "$T/token"
cat > "$T/local.toml" <<- END
	[gateway]
	listen = "127.0.0.1:0"
	pass_unknown = "parrot"
	[cluster.here]
	kind = "local"
	[model.parrot]
	engine = "parrot"
	partition = "own"
END
serve 'serve with a token' -c "$T/local.toml" --token-file "$T/token" --partition p --idle-timeout 3
A=(-H 'Authorization: Bearer geheim-0815')
is 'without the token nothing is told' "$(http_status "$U/slullama/status")" 401
is 'in the words of slullama' "$("${C[@]}" "$U/slullama/status" | jq -r '.error | type')" string
is 'nor with another' "$(http_status -H 'Authorization: Bearer geheim' "$U/slullama/status")" 401
is 'with it, options win over the file' "$("${C[@]}" "${A[@]}" "$U/slullama/status" | jq -r '.config.partition, .idle_timeout_minutes' | tr '\n' ' ')" 'p 3 '
is 'polling wakes nothing' "$("${C[@]}" "${A[@]}" "$U/v1/models" | jq -r '.data[].state')" asleep
question='{"model":"anything:at-all","messages":[{"role":"user","content":"Why?"}]}'
is 'a question wakes it, whatever model it names' "$("${C[@]}" "${A[@]}" "$U/v1/chat/completions" -d "$question" | jq -r '.choices[0].message.content')" 'Why?'
"${C[@]}" "${A[@]}" "$U/slullama/status" > "$T/status"
is 'then the status counts it and shows the job' "$(jq -r '.request_count, .tunnel_alive, .job.state, (.job.id | type)' "$T/status" | tr '\n' ' ')" '1 true running string '
ok 'and since when nobody asks' jq -e '.idle_seconds >= 0' "$T/status"
like 'status wants the token' "$(status -c /dev/null --port "$port" 2>&1)" 'wants a token: --token-file'
like 'and says when it is the wrong one' "$(status -c /dev/null --port "$port" --token wrong 2>&1)" 'refuses this token'
is 'with the right one it prints' "$(status -c /dev/null --port "$port" --token-file "$T/token" | jq -r .job.state)" running
chmod 644 "$T/token"
like 'a token file that others can read' "$(status -c /dev/null --port "$port" --token-file "$T/token" 2>&1)" 'open to others'
chmod 600 "$T/token"
end_server 'it ends, and its job with it'
not_ok 'the token is in no log' grep -q geheim "$T/serve.log"

# --- a token in argv
serve 'serve with a token in its arguments' -c "$T/local.toml" --token geheim-4711
not_ok 'ps does not show it' grep -qa geheim "/proc/$server/cmdline"
is 'it counts' "$(http_status -H 'Authorization: Bearer geheim-4711' "$U/slullama/status")" 200
end_server 'it ends'

# --- a socket of systemd's
if systemd-socket-activate --version > /dev/null 2>&1; then
	systemd-socket-activate -l "$T/activated" "$SLULLAMAFS" serve -c "$T/local.toml" > "$T/serve.log" 2>&1 < /dev/null &
	server=$!
	children+=("$server")
	ok 'a socket of systemd' wait_for 60 "${C[@]}" -o /dev/null --unix-socket "$T/activated" http://localhost/health
	end_server 'it ends'
else
	skip 'a socket of systemd' 'there is no systemd-socket-activate'
fi

# --- a server of slullama's own
"$here/../stand-ins/slullama" "$T/port" "$T/woken" geheim > /dev/null 2>&1 &
standin=$!
children+=("$standin")
ok "a stand-in of slullama's server" wait_for 30 test -s "$T/port"
theirs=$(cat "$T/port")
is 'its status' "$(status -c /dev/null --port "$theirs" --token geheim | jq -r .job.node)" gpu1
is 'by the variables' "$(SLULLAMA_SERVER_PORT=$theirs SLULLAMA_TOKEN=geheim status -c /dev/null | jq -r .job.id)" 77
is 'asking woke nothing' "$(cat "$T/woken" 2> /dev/null)" ''
like 'a host that is not there, as ssh says it and no later' "$(timeout 50 "$SLULLAMAFS" status nobody.invalid -c /dev/null 2>&1 < /dev/null; echo "status $?")" 'nobody\.invalid: ssh: Could not resolve hostname.*status 1$'
like 'a port where nobody listens' "$(status -c /dev/null --port 1 2>&1; echo "status $?")" 'nobody listens there.*status 1'
# --- connect, on this machine
# relay NAME ARGS...: `connect` whose words go to $T/connect.log; $L is where it listens.
relay() {
	local name=$1
	shift
	: > "$T/connect.log"
	"$SLULLAMAFS" connect -c /dev/null --local-port 0 "$@" > "$T/connect.log" 2>&1 < /dev/null &
	relay=$!
	children+=("$relay")
	if wait_for 60 grep -qE 'connected to port|nobody listens' "$T/connect.log"; then
		pass "$name"
	else
		fail "$name" "$(cat "$T/connect.log")"
	fi
	L=$(sed -n 's/ is port .*//p' "$T/connect.log")
}
end_relay() { # NAME
	kill -TERM "$relay"
	wait "$relay"
	is "$1" $? 0
}
like 'a token to add is needed' "$("$SLULLAMAFS" connect -c /dev/null --add-token 2>&1)" 'no token to add'
free=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
like 'it connects to no server that is itself' \
	"$(timeout 20 "$SLULLAMAFS" connect -c /dev/null --local-port "$free" --port "$free" 2>&1; echo " status $?")" "port $free of this machine is the one to connect to.* status [1-9]"
relay 'connect to a server here' --port "$theirs"
is 'looking woke nothing' "$(cat "$T/woken" 2> /dev/null)" ''
is 'requests pass as they are' "$(http_status "$L/slullama/status") $(http_status -H 'Authorization: Bearer geheim' "$L/slullama/status")" '401 200'
if [ "$(id -u)" = 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups true 2> /dev/null; then
	is 'another user is not let in' "$(cd / && setpriv --reuid=65534 --regid=65534 --clear-groups "${C[@]}" -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer geheim' "$L/slullama/status")" 403
else
	skip 'another user is not let in' 'only root can be somebody else'
fi
end_relay 'it ends'
printf 'geheim\n' > "$T/token"
relay 'connect with a token to add' --port "$theirs" --token-file "$T/token" --add-token
is 'a tool that knows none gets in' "$("${C[@]}" "$L/slullama/status" | jq -r .job.id)" 77
head -c 3000000 /dev/urandom | base64 > "$T/long"
"${C[@]}" --data-binary "@$T/long" "$L/api/chat" > "$T/back"
ok 'a body with a length passes' cmp "$T/long" "$T/back"
"${C[@]}" -H 'Transfer-Encoding: chunked' -H 'Authorization: Bearer wrong' --data-binary "@$T/long" "$L/api/chat" > "$T/back"
ok 'one in chunks too' cmp "$T/long" "$T/back"
is 'requests of one connection each get the token' "$("${C[@]}" "$L/a" "$L/b" > /dev/null; grep -c 'GET /[ab] Bearer geheim$' "$T/woken")" 2
not_ok 'a token of the client does not pass' grep -q wrong "$T/woken"
is 'what is no HTTP is 400' "$(printf 'hello\r\n\r\n' | socat -t 20 - "TCP:${L#http://}" | head -n 1 | cut -d ' ' -f 2)" 400
kill "$standin"
wait "$standin" 2> /dev/null
is 'a server that is gone is 503' "$(http_status "$L/slullama/status")" 503
like 'and told in a line' "$(tail -n 1 "$T/connect.log")" 'nobody listens at port'
ok 'connect goes on' kill -0 "$relay"

# Without descriptors: who waits is in line, and nothing turns in circles.
ticks() {
	awk '{ print $14 + $15 }' "/proc/$relay/stat"
}
prlimit --pid "$relay" --nofile=4:1024
before=$(ticks)
"${C[@]}" -o "$T/late" -w '%{http_code}' "$L/slullama/status" > "$T/code" &
waiter=$!
sleep 2
is 'without descriptors it does not spin' "$(($(ticks) - before < 20))" 1
prlimit --pid "$relay" --nofile=1024:1024
wait "$waiter"
is 'and who waited is answered when there are some' "$(cat "$T/code")" 503
end_relay 'it ends'

# --- through SSH
if [ -x /usr/sbin/sshd ] && command -v ssh > /dev/null && mkdir -p /run/sshd 2> /dev/null; then
	S=$T/ssh
	mkdir -m 700 "$S"
	ssh-keygen -q -t ed25519 -N '' -f "$S/host"
	ssh-keygen -q -t ed25519 -N '' -f "$S/user"
	ssh_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	cp "$S/user.pub" "$S/authorized"
	echo "[127.0.0.1]:$ssh_port $(cut -d ' ' -f 1,2 "$S/host.pub")" > "$S/known"
	printf '%s\n' "Port $ssh_port" 'ListenAddress 127.0.0.1' "HostKey $S/host" "AuthorizedKeysFile $S/authorized" 'StrictModes no' \
		'UsePAM no' 'PidFile none' 'PermitRootLogin yes' > "$S/sshd_config"
	printf '%s\n' 'Host head' 'HostName 127.0.0.1' "Port $ssh_port" "IdentityFile $S/user" 'IdentitiesOnly yes' \
		"UserKnownHostsFile $S/known" 'GlobalKnownHostsFile none' > "$S/config"
	mkdir "$T/bin"
	printf '#!/bin/sh\nexec %s -F %s "$@"\n' "$(command -v ssh)" "$S/config" > "$T/bin/ssh"
	chmod +x "$T/bin/ssh"
	PATH=$T/bin:$PATH
	/usr/sbin/sshd -D -e -f "$S/sshd_config" > "$S/log" 2>&1 &
	sshd=$!
	children+=("$sshd")
	ok 'sshd' wait_for 30 grep -q 'Server listening' "$S/log"
	rm "$T/port"
	"$here/../stand-ins/slullama" "$T/port" "$T/woken" geheim > /dev/null 2>&1 &
	children+=("$!")
	wait_for 30 test -s "$T/port"
	theirs=$(cat "$T/port")
	is 'status of a head node' "$(status head -c /dev/null --port "$theirs" --token geheim | jq -r .job.id)" 77
	is 'status of the host in [client]' "$(SLULLAMA_HOST=head SLULLAMA_TOKEN=geheim status -c /dev/null --port "$theirs" | jq -r .job.id)" 77
	like 'a head node that refuses' "$(status nobody@head -c /dev/null --port "$theirs" 2>&1; echo "status $?")" 'status 1$'
	cp "$S/known" "$S/known.right"
	: > "$S/known"
	like 'one whose host key is not known' "$(status head -c /dev/null --port "$theirs" --token geheim 2>&1; echo "status $?")" 'host key.*status 1$'
	echo "[127.0.0.1]:$ssh_port $(cut -d ' ' -f 1,2 "$S/user.pub")" > "$S/known"
	like 'one whose host key is another' "$(status head -c /dev/null --port "$theirs" --token geheim 2>&1; echo "status $?")" 'host key.*status 1$'
	is 'neither was written down' "$(cut -d ' ' -f 2- "$S/known")" "$(cut -d ' ' -f 1,2 "$S/user.pub")"
	mv "$S/known.right" "$S/known"
	relay 'connect through SSH' head --port "$theirs" --token-file "$T/token" --add-token
	is 'an answer through it' "$("${C[@]}" "$L/slullama/status" | jq -r .job.id)" 77
	# shellcheck disable=SC2046 # one word each
	kill $(pgrep -P "$relay")
	ok 'a link that breaks is told' wait_for 60 sh -c '[ "$(grep -c . "$1")" -gt 2 ]' sh "$T/connect.log"
	ok 'and made anew' wait_for 60 sh -c 'curl -sS --noproxy "*" --max-time 20 "$1/slullama/status" | grep -q 77' sh "$L"
	end_relay 'it ends'
	is 'nothing is left of it' "$(find "$XDG_RUNTIME_DIR" -name 'client-*')" ''
else
	skip 'through SSH' 'there is no sshd'
fi
done_testing

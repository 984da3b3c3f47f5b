#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A team's gateway that is mounted: its models as directories, its states and errors as ours; a server of ours by http and
# https, and one of slullama's own.
. "$(dirname "$0")/lib.sh"

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
# serve NAME: the team's server, by $T/team.toml.
serve() {
	: > "$T/serve.log"
	"$SLULLAMAFS" serve -c "$T/team.toml" > "$T/serve.log" 2>&1 < /dev/null &
	server=$!
	children+=("$server")
	ok "$1" wait_for 60 grep -q 'serving at' "$T/serve.log"
}
end_server() {
	kill -TERM "$server"
	wait "$server"
}
team_toml() { # team_toml EXTRA-LINES-OF-GATEWAY...
	{
		printf '%s\n' '[gateway]' "listen = \"127.0.0.1:$port\"" 'access = "token"' "token_file = \"$T/team-token\"" "$@"
		cat <<- END
			[cluster.here]
			kind = "local"
			[model.parrot]
			engine = "parrot"
			[model.other]
			engine = "parrot"
			[model.broken]
			engine = "parrot"
			engine_args = ["--fail", "http-429"]
		END
	} > "$T/team.toml"
}
cluster_is() {
	[ "$(jq -r .state "$M/clusters/team/status")" = "$1" ]
}
cluster_says() {
	jq -r .reason "$M/clusters/team/status" | grep -q "$1"
}

port=$(free_port)
printf 'team-secret\n' > "$T/team-token"
cp "$T/team-token" "$T/token"
chmod 600 "$T/team-token" "$T/token"
team_toml
serve 'a team has a server'

# --- Mounted, beside a model of our own
mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[cluster.team]
	kind = "gateway"
	url = "http://127.0.0.1:$port"
	token_file = "$T/token"
	[cluster.here]
	kind = "local"
	[model.parrot]
	cluster = "here"
	engine = "parrot"
END
ok 'its models are directories' wait_for 60 test -d "$M/other"
is 'one that is called as ours is not mixed up' "$(status_of parrot cluster) $(status_of parrot-2 cluster) $(status_of parrot-2 served_model)" \
	'here team parrot'
is 'its cluster says what it is' "$(jq -r '.kind, .state, .server, .url' "$M/clusters/team/status" | xargs)" "gateway up slullamafs http://127.0.0.1:$port"
is 'looking woke nothing' "$(status_of other state)" asleep
echo 'to the team' > "$M/other/ask"
is 'a question goes there, and wakes it' "$(timeout 60 cat "$M/other/reply")" 'to the team'
ok 'its state is seen' wait_for 60 state_is other ready
is 'there are no jobs of ours' "$(ls "$M/jobs") $(jq -c .jobs "$M/other/status")" ' []'
echo 'to ours' > "$M/parrot/ask"
is 'both run together' "$(timeout 60 cat "$M/parrot/reply")" 'to ours'
echo wake > "$M/parrot-2/ctl"
ok 'wake wakes it there' wait_for 60 state_is parrot-2 ready
ok 'its states are events' grep -q '"model":"parrot-2".*"to":"ready"' "$M/events"
url=$(cat "$M/endpoint")
question='{"model":"other","messages":[{"role":"user","content":"by HTTP"}]}'
C=(curl -sS --max-time 60 --noproxy '*')
is 'the gateway passes questions on' "$("${C[@]}" "$url/v1/chat/completions" -d "$question" | jq -r '.choices[0].message.content')" 'by HTTP'
is 'in the words of Anthropic too' "$("${C[@]}" "$url/v1/messages" -d "${question/\{/\{\"max_tokens\":50,}" | jq -r '.content[0].text')" 'by HTTP'
is 'who mounts us is told that they are not ours' "$("${C[@]}" "$url/v1/models" | jq -c '[.data[] | select(.from_gateway).id] | sort')" '["broken","other","parrot-2"]'
echo hi > "$M/broken/ask"
not_ok 'an engine of theirs that is busy' timeout 60 cat "$M/broken/reply"
is 'is an error of ours' "$(jq -r .errno "$M/broken/history/latest/status")" EBUSY
mkdir "$M/other/batch/b"
echo '{"messages":[{"role":"user","content":"a line"}]}' > "$M/other/batch/b/in.jsonl"
ok 'a batch goes there' wait_for 60 grep -q 'a line' "$M/other/batch/b/out.jsonl" || diag "$(cat "$M/other/batch/b/status" "$M/other/batch/b/errors.jsonl")"
rmdir "$M/other/batch/b"
like 'replicas are not ours to decide' "$(bash -c 'echo replicas 2 > "$1"' bash "$M/other/ctl" 2>&1; tail -n 5 "$M/log")" 'the gateway decides'
not_ok 'the token is nowhere to be read' grep -rqs team-secret "$M/config" "$M/log" "$M/events" "$M/clusters" "$M/status"

# --- The server goes and comes
end_server
(echo 'while it is away' > "$M/other/ask"; timeout 100 cat "$M/other/reply" > "$T/later") &
asker=$!
ok 'a server that is gone is seen' wait_for 60 cluster_is down
ok 'and why' wait_for 60 cluster_says 'nobody listens there'
serve 'it comes again'
wait "$asker"
is 'a question that was not begun is asked again' "$(cat "$T/later")" 'while it is away'
ok 'and the cluster is up' cluster_is up
unmount
ok 'the next mount shows what was found' mount_again
is 'at once' "$(status_of other cluster)" team
unmount

# --- A wrong token
printf 'wrong\n' > "$T/token"
mount_again
echo hi > "$M/other/ask"
like 'a wrong token' "$(timeout 60 cat "$M/other/reply" 2>&1)" 'Permission denied'
like 'is told' "$(cat "$M/other/error")" "$port: it refuses this token"
cp "$T/team-token" "$T/token"
echo again > "$M/other/ask"
is 'a better one is read' "$(timeout 60 cat "$M/other/reply")" again
unmount
end_server
chmod 644 "$T/token"
like 'a token that others can read' "$("$SLULLAMAFS" mount "$M" -c "$T/config.toml" 2>&1)" 'open to others'
chmod 600 "$T/token"

# --- Nobody is there
mount_again
echo hi > "$M/other/ask"
like 'a gateway that cannot be reached' "$(timeout 60 cat "$M/other/reply" 2>&1)" 'No route to host'
is 'is so by its errno' "$(jq -r .errno "$M/other/history/latest/status") $(status_of other state)" 'EHOSTUNREACH failed'
unmount

# --- TLS
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -days 2 \
	-subj /CN=team -addext subjectAltName=IP:127.0.0.1,DNS:localhost 2> /dev/null || bail 'no certificate'
team_toml "tls_cert = \"$T/cert.pem\"" "tls_key = \"$T/key.pem\""
serve 'a server with TLS'
sed -i 's|http://127|https://127|' "$T/config.toml"
mount_again
echo hi > "$M/other/ask"
like 'a certificate of nobody we trust' "$(timeout 60 cat "$M/other/reply" 2>&1; cat "$M/other/error")" 'Key was rejected.*not trusted'
unmount
export SSL_CERT_FILE=$T/cert.pem
mount_again
head -c 200000 /dev/urandom | base64 -w 0 > "$T/long"
cat "$T/long" > "$M/other/ask"
timeout 100 cat "$M/other/reply" > "$T/back"
ok 'a long question and its answer through TLS' cmp "$T/long" "$T/back"
unmount
unset SSL_CERT_FILE
end_server

# --- A server of slullama's own
"$here/../stand-ins/slullama" "$T/port" "$T/woken" team-secret > /dev/null 2>&1 &
children+=("$!")
wait_for 30 test -s "$T/port"
sed -i "s|https://127.0.0.1:$port|http://127.0.0.1:$(cat "$T/port")|" "$T/config.toml"
rm -r "$XDG_STATE_HOME/slullamafs"
echo none > "$T/woken.job"
mount_again
ok 'a server of slullama' wait_for 60 cluster_is up
is 'is known' "$(jq -r .server "$M/clusters/team/status")" slullama
is 'is not woken' "$(cat "$T/woken" 2> /dev/null)" ''
unmount
printf '[model.named]\ncluster = "team"\nmodel = "qwen3.5:9b"\n' >> "$T/config.toml"
mount_again
is 'a model that is written is there' "$(status_of named engine)" gateway
ok 'asleep, as its job is' wait_for 60 state_is named asleep
echo 'hello there' > "$M/named/ask"
is 'a question wakes it' "$(timeout 60 cat "$M/named/reply")" 'hello there'
ok 'it is ready then' wait_for 60 state_is named ready
ok 'and has its list taken' wait_for 60 test -d "$M/llama3-8b"
is 'by one request' "$(grep -c 'GET /api/tags' "$T/woken")" 1
unmount

# --- slullama's file with [client] alone
printf '[client]\nhost = "nobody@nowhere.invalid"\nserver_port = 4711\n' > "$T/client.toml"
"$SLULLAMAFS" mount "$M" -c "$T/client.toml" || bail 'no mount'
is 'a file with [client] alone is a gateway through SSH' "$(jq -r '.kind, .host, .url' "$M/clusters/team/status" | xargs)" \
	'gateway nobody@nowhere.invalid http://127.0.0.1:4711'
unmount
done_testing

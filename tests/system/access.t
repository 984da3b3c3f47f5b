#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Who is let in by the gateway: tokens, API keys and their limits, TLS, web pages; and what it writes down of them.
. "$(dirname "$0")/lib.sh"

C=(curl -sS --max-time 60 --noproxy '*')
status() {
	"${C[@]}" -o /dev/null -w '%{http_code}' "$@"
}
question() { # MODEL TEXT [MORE JSON FIELDS]
	printf '{"model":"%s","messages":[{"role":"user","content":"%s"}]%s}' "$1" "$2" "${3:-}"
}
key() {
	"$SLULLAMAFS" key "$@" -c "$T/config.toml"
}

# refused NAME PATTERN: a mount with the configuration on standard input fails with this sentence.
refused() {
	local out
	cat > "$T/bad.toml"
	out=$("$SLULLAMAFS" mount "$M" -c "$T/bad.toml" 2>&1)
	is "$1: status" $? 32
	like "$1: the sentence" "$out" "$2"
	ok "$1: no mount" not_mounted
}

certificate() { # NAME [OPENSSL OPTIONS]
	local name=$1
	shift
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/$name.key" -out "$T/$name.pem" -subj "/CN=$name" \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -days 2 "$@" 2> /dev/null
}
certificate one
certificate two
echo 'not PEM' > "$T/garbage.pem"
mkdir "$T/folder"
printf 'geheim-%s\n' 0123456789 > "$T/token"
token=geheim-0123456789

# --- files that cannot be used
chmod 644 "$T/token"
refused 'a token file that others can read' 'open to others .*chmod 600' <<- END
	[gateway]
	access = "token"
	token_file = "$T/token"
END
chmod 600 "$T/token"
refused 'a token file that is missing' "bad.toml:3: token_file in \[gateway\]: $T/nothing cannot be read" <<- END
	[gateway]
	access = "token"
	token_file = "$T/nothing"
END
printf 'two\nlines\n' > "$T/lines"
chmod 600 "$T/lines"
refused 'a token of two lines' 'one line' <<- END
	[gateway]
	access = "token"
	token_file = "$T/lines"
END
refused 'a certificate that is missing' "$T/nothing cannot be read" <<- END
	[gateway]
	tls_cert = "$T/nothing"
	tls_key = "$T/one.key"
END
refused 'its key that is missing' "$T/nothing cannot be read" <<- END
	[gateway]
	tls_cert = "$T/one.pem"
	tls_key = "$T/nothing"
END
refused 'a certificate that cannot be read' "$T/folder" <<- END
	[gateway]
	tls_cert = "$T/folder"
	tls_key = "$T/one.key"
END
refused 'a key that cannot be read' "$T/folder" <<- END
	[gateway]
	tls_cert = "$T/one.pem"
	tls_key = "$T/folder"
END
refused 'a certificate without a key' 'tls_key' <<- END
	[gateway]
	tls_cert = "$T/one.pem"
END
refused 'a certificate that is none' "$T/garbage.pem is no certificate" <<- END
	[gateway]
	tls_cert = "$T/garbage.pem"
	tls_key = "$T/one.key"
END
refused 'a key of another certificate' 'does not belong to the certificate' <<- END
	[gateway]
	tls_cert = "$T/one.pem"
	tls_key = "$T/two.key"
END
openssl rsa -aes128 -passout pass:abc -in "$T/one.key" -out "$T/locked.key" 2> /dev/null
refused 'a key with a passphrase' 'without a passphrase' <<- END
	[gateway]
	tls_cert = "$T/one.pem"
	tls_key = "$T/locked.key"
END
refused 'a token in clear beyond this machine' 'in clear.*allow_plain' <<- END
	[gateway]
	access = "token"
	token_file = "$T/token"
	listen = "0.0.0.0:0"
END
refused 'an access log that cannot be opened' 'access_log in \[gateway\]' <<- END
	[gateway]
	access_log = "$T/none/access.log"
END

# --- token, keys and TLS
cp "$T/one.pem" "$T/cert.pem"
cp "$T/one.key" "$T/cert.key"
cat > "$T/config.toml" <<- END
	[gateway]
	listen = ["127.0.0.1:0", "unix:$T/gw.sock"]
	access = "token"
	token_file = "$T/token"
	tls_cert = "$T/cert.pem"
	tls_key = "$T/cert.key"
	access_log = "$T/access.log"
	cors_origins = ["https://chat.example.org"]
	hosts = ["localhost"]
	[model.parrot]
	engine = "parrot"
	[model.other]
	engine = "parrot"
	[model.slow]
	engine = "parrot"
	engine_args = ["--rate", "2"]
END
ann=$(key generate --name ann --email ann@example.org --models parrot --requests-per-minute 3 2> "$T/said")
like 'a key' "$ann" '^sk-sfs-[0-9a-f]{64}$'
like 'is shown once' "$(cat "$T/said")" 'of ann; it is shown this once'
is 'is not kept' "$(grep -c "${ann#sk-sfs-}" "$XDG_STATE_HOME/slullamafs/keys.json")" 0
is 'its file' "$(stat -c %a "$XDG_STATE_HOME/slullamafs/keys.json")" 600
not_ok 'a name is taken once' key generate --name ann 2> /dev/null
not_ok 'a model has to be there' key generate --name bob --models nobody 2> /dev/null
not_ok 'a limit is a number' key generate --name bob --concurrent 0 2> /dev/null
not_ok 'a key has a name' key generate 2> /dev/null
like 'key list' "$(key list)" 'ann  <ann@example.org>  models=parrot  requests_per_minute=3'
ok 'mount' mount_again
U=$(cat "$M/endpoint")
like 'endpoint' "$U" '^https://localhost:[0-9]+$'
port=${U##*:}
S=(--cacert "$T/one.pem")
is 'no token' "$(status "${S[@]}" "$U/v1/models")" 401
like 'says what is asked for' "$("${C[@]}" "${S[@]}" -i "$U/v1/models")" 'WWW-Authenticate: Bearer .*"authentication_error"'
like "in the shape of Ollama's API" "$("${C[@]}" "${S[@]}" "$U/api/tags")" '^\{"error":"this gateway asks for'
like "and of Anthropic's" "$("${C[@]}" "${S[@]}" "$U/v1/messages" -d '{}')" '^\{"type":"error","error":\{"type":"authentication_error"'
is 'a wrong token' "$(status "${S[@]}" -H 'Authorization: Bearer geheim' "$U/v1/models")" 401
is 'a wrong key is told the same' "$("${C[@]}" "${S[@]}" -H "x-api-key: sk-sfs-$(printf '0%.0s' {1..64})" "$U/v1/models")" \
	"$("${C[@]}" "${S[@]}" -H 'x-api-key: x' "$U/v1/models")"
is 'the token' "$(status "${S[@]}" -H "Authorization: Bearer $token" "$U/v1/models")" 200
is 'as x-api-key' "$(status "${S[@]}" -H "x-api-key: $token" "$U/v1/models")" 200
is 'as a password' "$(status "${S[@]}" -u "me:$token" "$U/v1/models")" 200
is 'on the socket, without TLS' "$(status --unix-socket "$T/gw.sock" -H "x-api-key: $token" http://localhost/v1/models)" 200
is 'on the socket too' "$(status --unix-socket "$T/gw.sock" http://localhost/v1/models)" 401
is 'by `env`' "$(. "$M/env" && status "${S[@]}" -H "Authorization: Bearer $OPENAI_API_KEY" "$OPENAI_BASE_URL/models")" 200
is "a key sees its models" "$("${C[@]}" "${S[@]}" -H "x-api-key: $ann" "$U/v1/models" | jq -r '.data[].id')" parrot
is 'and no other' "$(status "${S[@]}" -u "x:$ann" "$U/v1/chat/completions" -d "$(question other hi)")" 403
is 'by whatever way' "$(status "${S[@]}" -u "x:$ann" "$U/other/v1/chat/completions" -d "$(question other hi)") $(status_of other state)" '403 asleep'
for i in 1 2 3; do
	is "question $i of a key" "$("${C[@]}" "${S[@]}" -H "X-Request-Id: q-$i" -H "Authorization: Bearer $ann" "$U/v1/chat/completions" -d "$(question parrot 'one two')" | jq -r '.choices[0].message.content')" 'one two'
done
like 'the fourth is too many' "$("${C[@]}" "${S[@]}" -i -H "Authorization: Bearer $ann" "$U/v1/chat/completions" -d "$(question parrot four)")" '^HTTP/1.1 429 .*Retry-After: [0-9]+.*limit of 3 requests a minute'
long=$(printf 'word %.0s' {1..20000})
is 'a long answer through TLS' "$("${C[@]}" "${S[@]}" -N -H "x-api-key: $token" "$U/v1/chat/completions" -d "$(question parrot "$long" ',"stream":true')" | sed -n 's/^data: {/{/p' | jq -rj '.choices[0].delta.content // ""' | md5sum)" "$(printf %s "$long" | md5sum)"
like 'HTTP on the port of TLS' "$("${C[@]}" -i "http://localhost:$port/")" '^HTTP/1.1 400 .*https://'
is 'TLS 1.1 is refused' "$("${C[@]}" "${S[@]}" --tls-max 1.1 --ciphers 'DEFAULT@SECLEVEL=0' "$U/health" 2> /dev/null)" ''
is 'TLS 1.2 is not' "$(status "${S[@]}" --tls-max 1.2 -H "x-api-key: $token" "$U/health")" 200

# --- pages and names
is 'a foreign Host' "$(status "${S[@]}" -H "x-api-key: $token" -H 'Host: evil.example.org' "$U/health")" 403
is 'a foreign Origin' "$(status "${S[@]}" -H "x-api-key: $token" -H 'Origin: https://evil.example.org' "$U/health")" 403
like 'a known one' "$("${C[@]}" "${S[@]}" -i -H "x-api-key: $token" -H 'Origin: https://chat.example.org' "$U/health")" 'Access-Control-Allow-Origin: https://chat.example.org'
like 'its preflight' "$("${C[@]}" "${S[@]}" -i -X OPTIONS -H 'Origin: https://chat.example.org' -H 'Access-Control-Request-Method: POST' -H 'Access-Control-Request-Headers: authorization,content-type' "$U/v1/chat/completions")" 'HTTP/1.1 200 .*Access-Control-Allow-Headers: authorization,content-type'
is "a stranger's preflight" "$(status "${S[@]}" -X OPTIONS -H 'Origin: https://evil.example.org' -H 'Access-Control-Request-Method: POST' "$U/v1/chat/completions")" 403

# --- what is written down
is 'the access log: a question' "$(jq -r 'select(.id == "q-1") | "\(.key) \(.method) \(.path) \(.model) \(.status)"' "$T/access.log")" 'ann POST /v1/chat/completions parrot 200'
is 'its mode' "$(stat -c %a "$T/access.log")" 600
mv "$T/access.log" "$T/access.log.1"
moved() {
	status "${S[@]}" -H "x-api-key: $token" "$U/health" > /dev/null
	[ -s "$T/access.log" ]
}
ok 'it is opened anew when it was moved' wait_for 20 moved
rm "$T/access.log"
kill -HUP "$(daemon_pid)"
ok 'and at SIGHUP' wait_for 20 test -e "$T/access.log"
"${C[@]}" "${S[@]}" -H "x-api-key: $token" "$U/metrics" > "$T/metrics"
if command -v promtool > /dev/null; then
	ok 'promtool finds nothing wrong with /metrics' promtool check metrics < "$T/metrics"
	ok 'nor with the file' promtool check metrics < "$M/metrics"
else
	skip 'promtool' 'prometheus is not installed'
fi
like 'requests by model, key and code' "$(grep requests_total "$T/metrics")" 'gateway_requests_total\{model="parrot",key="ann",code="200"\} 3'
like 'tokens' "$(grep tokens_total "$T/metrics")" 'gateway_tokens_total\{model="parrot",key="ann",kind="completion"\} 6'
like 'of others too, where the token is shown' "$(grep requests_total "$T/metrics")" 'key="token"'
bob=$(key generate --name bob 2> /dev/null)
"${C[@]}" "${S[@]}" -H "x-api-key: $ann" "$U/metrics" > "$T/own"
is 'a key sees its own alone' "$(grep -o 'key="[^"]*"' "$T/own" | sort -u)" 'key="ann"'
sees() { # KEY LABEL: what /metrics shows to this key names this one alone
	[ "$("${C[@]}" "${S[@]}" -H "x-api-key: $1" "$U/metrics" | grep -o 'key="[^"]*"' | sort -u)" = "$2" ]
}
ok 'also one that has asked nothing' wait_for 20 sees "$bob" 'key="bob"'
like 'and by the page' "$("${C[@]}" "${S[@]}" -m 2 -N -H "x-api-key: $ann" "$U/ui/events" 2> /dev/null | head -n 1)" '"usage":\[\{"name":"ann","requests":3[^]]*\}\]\}'
ok 'key revoke' key revoke bob
like 'wakes' "$(grep wakes "$T/metrics")" 'wakes_total\{model="parrot"\} 1'
like 'and what they took' "$(grep wake_seconds "$T/metrics")" 'wake_seconds_sum\{model="parrot",phase="starting"\} [0-9.]*[1-9]'
like 'by phase' "$(grep wake_seconds "$T/metrics")" 'wake_seconds_count\{model="parrot",phase="starting"\} 1'
used() {
	[ "$(key list --usage | awk '$3 == "ann" { print $4, $5, $6 }')" = "$1" ]
}
ok 'usage is written' wait_for 20 used '3 6 6'
for secret in "$token" "$ann"; do
	is 'no secret is in the tree, a log or an argument' "$(grep -rlF -e "$secret" "$M/config" "$M/status" "$M/log" "$M/events" "$M/metrics" "$M/parrot/log" "$T"/access.log* /proc/"$(daemon_pid)"/cmdline 2> /dev/null)" ''
done

# --- changes while it runs
served() {
	openssl s_client -connect "localhost:$port" < /dev/null 2> /dev/null | grep -q "subject=CN = $1"
}
ok 'the first certificate' served one
cp "$T/two.pem" "$T/cert.pem"
cp "$T/two.key" "$T/cert.key"
ok 'a new one is taken up' wait_for 20 served two
cp "$T/garbage.pem" "$T/cert.pem"
warned() {
	served two && grep -q 'the old certificate is kept' "$M/log"
}
ok 'garbage is not' wait_for 20 warned
cp "$T/two.pem" "$T/cert.pem"
S=(--cacert "$T/two.pem")
ok 'key revoke' key revoke ann
is_401() {
	[ "$(status "${S[@]}" -H "x-api-key: $ann" "$U/v1/models")" = 401 ]
}
ok 'a key that was revoked' wait_for 20 is_401
not_ok 'twice' key revoke ann 2> /dev/null
bob=$(key generate --name bob --expires 1h 2> /dev/null)
is_200() {
	[ "$(status "${S[@]}" -H "x-api-key: $1" "$U/v1/models")" = 200 ]
}
ok 'a new key' wait_for 20 is_200 "$bob"
ok 'nothing is wrong in the log' no_complaints
echo '{' > "$XDG_STATE_HOME/slullamafs/keys.json"
damaged() {
	[ "$(status "${S[@]}" -H "x-api-key: $bob" "$U/v1/models")" = 401 ]
}
ok 'a damaged key file lets nobody in' wait_for 20 damaged
like 'and is named' "$(cat "$M/log")" 'no key is accepted: .*keys.json is damaged'
like 'by the verb too' "$(key list 2>&1)" 'keys.json is damaged'
is 'the token still does' "$(status "${S[@]}" -H "x-api-key: $token" "$U/v1/models")" 200
rm "$XDG_STATE_HOME/slullamafs/keys.json"
key generate --name carl > "$T/carl" 2> /dev/null
ok 'with a new one its key does' wait_for 20 is_200 "$(cat "$T/carl")"
is_refused() {
	[ "$(status "${S[@]}" -H "x-api-key: $(cat "$T/carl")" "$U/v1/models")" = 401 ]
}
chmod 644 "$XDG_STATE_HOME/slullamafs/keys.json"
ok 'a key file that others can read lets nobody in' wait_for 20 is_refused
like 'and says so' "$(tail -n 3 "$M/log")" 'no key is accepted: .*keys.json is open to others .*chmod 600'
rm "$XDG_STATE_HOME/slullamafs/keys.json"
mkdir "$XDG_STATE_HOME/slullamafs/keys.json"
unreadable() {
	grep -q 'no key is accepted: .*keys.json is not a regular file' "$M/log"
}
ok 'one that is no file is told of' wait_for 20 eval 'is_200 "$token"; unreadable'
is 'and the token still does' "$(status "${S[@]}" -H "x-api-key: $token" "$U/v1/models")" 200
rmdir "$XDG_STATE_HOME/slullamafs/keys.json"

# --- the end, with an answer under way
"${C[@]}" "${S[@]}" -N -H "x-api-key: $token" "$U/v1/chat/completions" -d "$(question slow "$long" ',"stream":true')" > "$T/events" 2> /dev/null &
client=$!
ok 'an answer is under way' wait_for 60 grep -q 'content":"word' "$T/events"
pid=$(daemon_pid)
kill -TERM "$pid"
wait "$client"
is 'SIGTERM: the client hears the end of it' $? 0
like 'as an event' "$(tail -n 5 "$T/events")" 'event: error.*"error"'
ok 'SIGTERM: the daemon ends' wait_for 20 process_gone "$pid"
ok 'SIGTERM: no mount' wait_for 20 not_mounted

# --- open, beyond this machine
mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "0.0.0.0:0"
	access = "open"
END
U=$(cat "$M/endpoint")
like 'all addresses: the endpoint' "$U" '^http://127\.0\.0\.1:[0-9]+$'
is 'open: nothing is asked for' "$(status "$U/v1/models")" 200
is 'but the Host' "$(status -H 'Host: evil.example.org' "$U/v1/models")" 403
if [ "$(id -u)" = 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups true 2> /dev/null; then
	is 'open: another user' "$(cd / && setpriv --reuid=65534 --regid=65534 --clear-groups "${C[@]}" -o /dev/null -w '%{http_code}' "$U/health")" 200
else
	skip 'open: another user' 'only root can be somebody else'
fi
ok 'unmount' unmount
done_testing

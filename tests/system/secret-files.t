#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Files of the gateway that its user may not read (which root may always), a certificate that has expired, and a day that comes early: what
# `serve` says of them.
. "$(dirname "$0")/lib.sh"

C=(curl -sS --max-time 60 --noproxy '*')
as=()
if [ "$(id -u)" = 0 ]; then
	as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	if ! "${as[@]}" true 2> /dev/null; then
		echo '1..0 # SKIP another user than root is needed'
		exit 0
	fi
	chmod 711 "$T"
	# The tree may be where nobody else gets.
	install -m 755 "$SLULLAMAFS" "$T/slullamafs"
	SLULLAMAFS=$T/slullamafs
	install -d -o 65534 -g 65534 -m 700 "$T/own"
else
	mkdir "$T/own"
fi
O=$T/own # all in it is the user's
export XDG_RUNTIME_DIR=$O/run XDG_STATE_HOME=$O/state HOME=$O
printf 'geheim-4711\n' > "$T/token"
ours() { # FILE MODE: with what comes on standard input
	cat > "$O/$1"
	[ ${#as[@]} = 0 ] || chown 65534:65534 "$O/$1"
	chmod "$2" "$O/$1"
}
user() { # COMMAND...: by the user, somewhere where he may be
	(cd "$O" && exec "${as[@]}" "$@")
}
config() { # MORE LINES OF [gateway]
	ours config.toml 600 <<- END
		[gateway]
		listen = "127.0.0.1:0"
		access = "token"
		$1
		[model.parrot]
		engine = "parrot"
	END
}
serve() { # NAME [COMMAND ...]: a server that the command begins; $server, $U
	local name=$1
	shift
	: > "$T/serve.log"
	(cd "$O" && exec "${as[@]}" "$@" "$SLULLAMAFS" serve -c "$O/config.toml") > "$T/serve.log" 2>&1 < /dev/null &
	server=$!
	children+=("$server")
	ok "$name" wait_for 60 grep -q 'serving at' "$T/serve.log" || diag "$(cat "$T/serve.log")"
	U=$(sed -n 's/.*serving at //p' "$T/serve.log" | sed 's|//127.0.0.1|//localhost|')
}
end_server() {
	kill -TERM "$server"
	wait "$server"
	is 'it ends in order' $? 0
}
says() {
	grep -qE "$1" "$T/serve.log"
}
status() { # SECRET
	"${C[@]}" -k -o /dev/null -w '%{http_code}' -H "x-api-key: $1" "$U/v1/models"
}
status_is() { # SECRET STATUS
	[ "$(status "$1")" = "$2" ]
}

# refused NAME PATTERN MORE LINES: serve does not begin, and says why.
refused() {
	local out
	config "$3"
	out=$(user timeout 60 "$SLULLAMAFS" serve -c "$O/config.toml" 2>&1 < /dev/null)
	like "$1" "$? $out" "^1 .*$2"
}

mkdir "$T/made"
certificate() { # NAME [OPENSSL OPTIONS]
	local name=$1
	shift
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/made/$name.key" -out "$T/made/$name.pem" -subj "/CN=$name" \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' "$@" 2> /dev/null
}
certificate now -days 2
# `req` makes none that has ended: its own key signs one.
openssl req -new -key "$T/made/now.key" -subj /CN=old -out "$T/made/old.csr" 2> /dev/null
mkdir "$T/made/ca"
: > "$T/made/ca/index.txt"
echo 01 > "$T/made/ca/serial"
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s/index.txt\nserial=%s/serial\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' \
	"$T/made/ca" "$T/made/ca" "$T/made/ca" > "$T/made/ca/config"
openssl ca -batch -notext -config "$T/made/ca/config" -selfsign -keyfile "$T/made/now.key" -in "$T/made/old.csr" \
	-startdate 20200101000000Z -enddate 20210101000000Z -out "$T/made/old.pem" 2> /dev/null
ours cert.pem 644 < "$T/made/now.pem"
ours cert.key 600 < "$T/made/now.key"

# --- files that its user may not read
ours token 000 < "$T/token"
refused 'a token file of mode 000' "$O/token cannot be read: Permission denied" "token_file = \"$O/token\""
ours token 600 < "$T/token"
ours locked.pem 000 < "$T/made/now.pem"
refused 'a certificate of mode 000' "tls_cert in \[gateway\]: $O/locked.pem cannot be read: Permission denied" \
	"$(printf 'token_file = "%s/token"\ntls_cert = "%s/locked.pem"\ntls_key = "%s/cert.key"' "$O" "$O" "$O")"
ours locked.key 000 < "$T/made/now.key"
refused 'a private key of mode 000' "tls_key in \[gateway\]: $O/locked.key cannot be read: Permission denied" \
	"$(printf 'token_file = "%s/token"\ntls_cert = "%s/cert.pem"\ntls_key = "%s/locked.key"' "$O" "$O" "$O")"

config "token_file = \"$O/token\""
ann=$(user "$SLULLAMAFS" key generate --name ann -c "$O/config.toml" 2> /dev/null)
keys=$O/state/slullamafs/keys.json
serve 'serve by a user of his own'
is 'the token and the key are let in' "$(status geheim-4711) $(status "$ann")" '200 200'
chmod 000 "$keys"
ok 'a key file of mode 000 lets no key in' wait_for 20 status_is "$ann" 401
ok 'and says so' says "no key is accepted: $keys cannot be read: Permission denied"
is 'the token still is' "$(status geheim-4711)" 200
like 'key list says the same' "$(user "$SLULLAMAFS" key list -c "$O/config.toml" 2>&1)" "keys.json.*Permission denied"
not_ok 'key generate writes no new file over it' user "$SLULLAMAFS" key generate --name bob -c "$O/config.toml" 2> /dev/null
is 'nor changes its mode' "$(stat -c %a "$keys")" 0
chmod 600 "$keys"
ok 'when it can be read again its keys are known again' wait_for 20 status_is "$ann" 200
chmod 000 "$O/token"
is 'the token was read once' "$(status geheim-4711)" 200
end_server
chmod 600 "$O/token"

# --- an expired certificate
ours cert.pem 644 < "$T/made/old.pem"
config "$(printf 'token_file = "%s/token"\ntls_cert = "%s/cert.pem"\ntls_key = "%s/cert.key"' "$O" "$O" "$O")"
serve 'serve with a certificate that has expired'
ok 'it says so' says "certificate $O/cert.pem has expired; clients will refuse it"
is 'a client that does not mind is served' "$(status geheim-4711)" 200
"${C[@]}" --cacert "$T/made/old.pem" -H 'x-api-key: geheim-4711' "$U/v1/models" > "$T/said" 2>&1
is 'another one refuses it' "$? $(grep -c 'expired' "$T/said")" '60 1'
ours cert.pem 644 < "$T/made/now.pem"
fresh() {
	"${C[@]}" --cacert "$T/made/now.pem" -o /dev/null -H 'x-api-key: geheim-4711' "$U/v1/models" 2> /dev/null
}
ok 'a new one is taken up' wait_for 20 fresh
ours next.pem 000 < "$T/made/old.pem"
mv "$O/next.pem" "$O/cert.pem"
ok 'one that cannot be read is told of' wait_for 20 eval 'fresh; says "old certificate is kept: .*cert.pem cannot be read: Permission denied"'
ok 'and the one that it had serves on' fresh
chmod 644 "$O/cert.pem"
ok 'until it can be read' wait_for 20 eval '! fresh'
end_server

# --- a clock that is set while it runs
library=$(find /usr/lib -path '*faketime/libfaketime.so.1' 2> /dev/null | head -n 1)
if [ -z "$library" ]; then
	skip 'a clock that is set' 'faketime is not installed'
	done_testing
fi
set_clock() { # OFFSET
	ours clock.new 644 <<< "$1"
	mv "$O/clock.new" "$O/clock"
}
config "token_file = \"$O/token\""
day=$(user "$SLULLAMAFS" key generate --name day --expires 1d --requests-per-day 1 -c "$O/config.toml" 2> /dev/null)
question='{"model":"parrot","messages":[{"role":"user","content":"hi"}]}'
asked() { # KEY: the status of a question
	"${C[@]}" -o /dev/null -w '%{http_code}' -H "x-api-key: $1" "$U/v1/chat/completions" -d "$question"
}
set_clock +0
serve 'serve with a clock of its own' env FAKETIME_TIMESTAMP_FILE="$O/clock" FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 \
	LD_PRELOAD="$library" ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0"
is 'one question a day' "$(asked "$day") $(asked "$day")" '200 429'
set_clock +2d
ok 'two days later the key has expired' wait_for 20 status_is "$day" 401
is 'the other one has not' "$(asked "$ann")" 200
set_clock -2d
asked_is() { # KEY STATUS
	[ "$(asked "$1")" = "$2" ]
}
ok 'two days before it has not, and that day is free' wait_for 20 asked_is "$day" 200
set_clock +0
ok 'today is not' wait_for 20 asked_is "$day" 429
end_server
not_ok 'nothing is wrong in its log' says 'error: '
done_testing

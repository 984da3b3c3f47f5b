#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The page of the gateway: what it says without a script, who may press its buttons, and the whole of it in a real browser.
. "$(dirname "$0")/lib.sh"

C=(curl -sS --max-time 60 --noproxy '*')
status() {
	"${C[@]}" -o /dev/null -w '%{http_code}' "$@"
}
models() {
	cat <<- END
		[cluster.local]
		kind = "local"
		[model.quick]
		engine = "parrot"
		[model.slow]
		engine = "parrot"
		description = "takes its <time>"
		engine_args = ["--startup", "1", "--rate", "1"]
	END
}

# --- the owner's

mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	$(models)
END
url=$(cat "$M/endpoint")
page=$("${C[@]}" -D "$T/head" -H 'Accept: text/html,*/*' "$url/")
like 'without a script there is a table of the models' "$page" '<td><b>slow</b>.*takes its &lt;time&gt;.*asleep'
like 'whose script is known by its hash alone' "$(cat "$T/head")" "default-src 'none'; script-src 'sha256-[A-Za-z0-9+/=]+'; style-src 'sha256-"
not_ok 'it names no other host' grep -E '(https?:)?//[a-z]' <<< "$page"
like 'a program that looks whether somebody is there' "$("${C[@]}" "$url/")" '^slullamafs is running'
like 'events: the state at once' "$("${C[@]}" -N "$url/ui/events" 2> /dev/null | head -n 1)" '^data: \{"may":true,"models":\[\{"model":"quick"'
is 'a look wakes nothing' "$(status_of quick state) $(status_of slow state)" 'asleep asleep'
is 'a GET changes nothing' "$(status "$url/ui/models/quick/wake") $(status_of quick state)" '405 asleep'
is "another site's page may not press a button" "$(status -X POST -H 'Origin: http://evil.example' "$url/ui/models/quick/wake")" 403
is 'a verb that there is not' "$(status -X POST "$url/ui/models/quick/dance")" 404
is 'a model that there is not' "$(status -X POST "$url/ui/models/nobody/wake")" 404
like 'a pin that is no duration' "$("${C[@]}" -X POST -d soon "$url/ui/models/quick/pin")" 'soon'
is 'wake' "$(status -X POST "$url/ui/models/quick/wake")" 200
ok 'the owner wakes a model' wait_for 30 state_is quick ready
coproc "${C[@]}" -N "$url/ui/events" 2> /dev/null
read -r _ <&"${COPROC[0]}"
ok 'an open page does not keep the mount from ending' unmount

# --- a team's

printf 'geheim-%s\n' 0123456789 > "$T/token"
chmod 600 "$T/token"
cat > "$T/config.toml" <<- END
	[gateway]
	listen = "127.0.0.1:0"
	access = "token"
	token_file = "$T/token"
	$(models)
END
key=$("$SLULLAMAFS" key generate --name alice --email alice@example.org -c "$T/config.toml" 2> /dev/null | grep -o 'sk-sfs-[0-9a-f]*')
mount_again || bail 'no mount'
url=$(cat "$M/endpoint")
page=$("${C[@]}" -H 'Accept: text/html' "$url/")
like 'a stranger gets a form' "$page" '<form id="login"'
not_ok 'and no name of a model' grep -q slow <<< "$page"
is 'nor anything else' "$(status "$url/ui/events") $(status -X POST "$url/ui/models/quick/wake") $(status "$url/v1/models")" '401 401 401'
is 'a login with a wrong secret' "$(status -d 'secret=wrong' "$url/ui/login")" 401
is 'with a field of another name' "$(status -d "token=geheim-0123456789" "$url/ui/login")" 401
is 'with a malformed one' "$(status -d 'secret=%zz' "$url/ui/login")" 401
is 'a login with a key' "$(status -c "$T/jar" -d "secret=$key" "$url/ui/login")" 303
is 'may ask' "$(status -b "$T/jar" "$url/v1/models")" 200
is 'but wake nothing by the page' "$(status -b "$T/jar" -X POST "$url/ui/models/quick/wake")" 403
like 'nor see what others did' "$("${C[@]}" -b "$T/jar" -N "$url/ui/events" 2> /dev/null | head -n 1)" '"events":\[\],"usage":\[\{"name":"alice"[^]{]*\}\]'
"${C[@]}" -b "$T/jar" -N "$url/ui/events" > /dev/null 2>&1 &
listener=$!
"$SLULLAMAFS" key revoke alice -c "$T/config.toml" > /dev/null
revoked() {
	[ "$(status -b "$T/jar" "$url/v1/models")" = 401 ]
}
ok 'the login ends with its key' wait_for 20 revoked
ok 'and so does what it listened to' wait_for 20 process_gone "$listener"
"$SLULLAMAFS" key generate --name alice --email alice@example.org -c "$T/config.toml" > /dev/null 2>&1

if ! command -v chromedriver > /dev/null || ! command -v chromium > /dev/null; then
	skip 'the page in a browser' 'chromium is not installed'
	done_testing
fi
mkdir "$T/browser"
HOME=$T/browser python3 "$(dirname "$0")/page.py" "$url" geheim-0123456789 "$T/browser" "$(dirname "$SLULLAMAFS")" > "$T/page.tap" 2>&1 ||
	fail 'the browser came to its end'
while read -r line; do
	case $line in
	'ok '*) pass "${line#*- }" ;;
	'not ok '*) fail "${line#*- }" ;;
	*) diag "$line" ;;
	esac
done < "$T/page.tap"
done_testing

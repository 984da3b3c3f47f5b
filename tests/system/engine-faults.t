#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Engines that misbehave: the reader gets an errno, `error` one line that names the cause, and never an error shown as an answer.
# Each model is an engine of its own, run by the real job script on this machine.
. "$(dirname "$0")/lib.sh"

printf '#!/bin/sh\necho "cannot load: out of memory" >&2\nexit 3\n' > "$T/dies"
cat > "$T/once" <<- END
	#!/bin/sh
	[ -e "$T/died" ] && exec "$SLULLAMAFS" parrot "\$@"
	: > "$T/died"
	exec "$SLULLAMAFS" parrot --fail die-before-first-byte "\$@"
	END
chmod +x "$T/dies" "$T/once"
{
	printf '[gateway]\nlisten = "127.0.0.1:0"\n[cluster.local]\nkind = "local"\nworkdir = "%s/work"\nmax_jobs = 32\n' "$T"
	for kind in http-500 http-429 error-in-stream garbage infinite-line half-event die-mid-stream die-before-first-byte silent \
		hang-mid-stream always-200 never-healthy exit-at-start; do
		printf '[model.%s]\nengine = "parrot"\nengine_args = ["--fail", "%s"]\nready_timeout = "4s"\nstall_timeout = "3s"\n' "$kind" "$kind"
	done
	printf '[model.dies]\nengine = "command"\ncommand = ["%s/dies", "{port}"]\n' "$T"
	printf '[model.missing]\nengine = "llamacpp"\nmodel = "/nowhere/m.gguf"\nbinary = "%s/no-such-llama-server"\n' "$T"
	printf '[model.once]\nengine = "command"\ncommand = ["%s/once", "--host", "{host}", "--port", "{port}", "--api-key-file", "{key_file}"]\n' "$T"
	printf '[model.slow-start]\nengine = "parrot"\nengine_args = ["--startup", "2"]\n'
} | mount_with || bail 'no mount'

# fails MODEL ERRNO-TEXT ERROR-REGEX [TEXT]: what a prompt to the model ends with, after TEXT.
fails() {
	local got err
	got=$(setsid -w timeout 100 bash -c "echo 'one two three four' > '$M/$1/ask'; cat '$M/$1/reply' 2> '$T/err.$1'; cat '$M/$1/error' > '$T/error.$1'" < /dev/null)
	err=$(cat "$T/error.$1")
	if [ "$got" = "${4:-}" ] && grep -q "$2" "$T/err.$1" && [[ $err =~ $3 ]] && [ "$(wc -l < "$T/error.$1")" = 1 ]; then
		pass "$1: $2"
	else
		fail "$1: $2" "text: $got"$'\n'"read: $(cat "$T/err.$1")"$'\n'"error: $err"
	fi
}

fails http-500 'Input/output error' '500|parrot'
fails http-429 'Input/output error' '429|busy|many|parrot'
fails error-in-stream 'Input/output error' '.+' 'one two'
fails garbage 'Input/output error' 'HTTP|engine'
fails infinite-line 'Input/output error' '1 MiB' 'one two'
fails half-event 'Connection reset' 'lost|middle' 'one two'
fails die-mid-stream 'Connection reset' 'lost|middle' 'one two'
fails die-before-first-byte 'Input/output error' 'prompt that kills'
fails silent 'timed out' 'stall_timeout'
fails hang-mid-stream 'timed out' 'stall_timeout' 'one two'
fails always-200 'Input/output error' 'not the engine|accepts any key'
fails never-healthy 'timed out' 'ready_timeout'
fails exit-at-start 'Input/output error' 'exit'
fails dies 'Input/output error' 'exit status 3.*out of memory'
fails missing 'Input/output error' 'no-such-llama-server.*binary'

is 'a failed model says why' "$(status_of dies state)" failed
like 'last_error has the last lines of its log' "$(status_of dies last_error)" 'out of memory'
like 'log/stderr has them too' "$(cat "$M/dies/log/stderr")" 'out of memory'
is 'an engine lost before its first byte: the prompt goes to the next' \
	"$(echo hello > "$M/once/ask"; timeout 60 cat "$M/once/reply")" hello
like 'after that' "$(status_of once 'requests | "\(.done) \(.failed)"')" '1 0'
is 'a slow start is waited for' "$(echo hello > "$M/slow-start/ask"; timeout 60 cat "$M/slow-start/reply")" hello
echo stop all > "$M/ctl"
no_engines() {
	! pgrep -f -- "--api-key-file $T/[w]ork" > /dev/null
}
ok 'after stop all no engine is left' wait_for 60 no_engines
ok 'it unmounts' unmount

# --- a working directory that cannot be used: nobody could learn the address, so the job says so and ends
: > "$T/file"
mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[cluster.local]
	kind = "local"
	workdir = "$T/file"
	[model.homeless]
	engine = "parrot"
END
SECONDS=0
fails homeless 'Input/output error' 'the working directory .*/file/.* cannot be used'
ok 'at once' test "$SECONDS" -lt 60
ok 'it unmounts' unmount

# --- no HOME, as cron and systemd may have it: the user database knows it, for the jobs too
home=$(getent passwd "$(id -u)" | cut -d : -f 6)
if [ -n "$home" ] && work=$(mktemp -d "$home/.slullamafs-test.XXXXXX" 2> /dev/null); then
	(
		unset HOME
		mount_with <<- END
			[gateway]
			listen = "127.0.0.1:0"
			[cluster.local]
			kind = "local"
			workdir = "~/${work##*/}"
			[model.parrot]
			engine = "parrot"
		END
	) || bail 'no mount'
	is 'without HOME in the environment it answers' "$(echo hello > "$M/parrot/ask"; timeout 60 cat "$M/parrot/reply")" hello
	ok 'from the working directory in the home' compgen -G "$work/*/*/state" > /dev/null
	ok 'it unmounts' unmount
	rm -rf -- "$work"
else
	skip 'without HOME in the environment it answers' 'there is no home that can be written'
fi
cd /
done_testing

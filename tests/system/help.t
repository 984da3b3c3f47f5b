#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What the program says of itself, and that the README's tree is the one that it serves.
. "$(dirname "$0")/lib.sh"
source_dir=$(cd "$(dirname "$0")/../.." && pwd)

# says NAME STATUS REGEX COMMAND...: on standard output alone if the status is 0, on standard error alone if not.
says() {
	local name=$1 want=$2 regex=$3 status=0 said=out silent=err
	shift 3
	"$@" > "$T/out" 2> "$T/err" < /dev/null || status=$?
	[ "$want" = 0 ] || said=err silent=out
	if [ "$status" = "$want" ] && [ ! -s "$T/$silent" ] && [[ $(cat "$T/$said") =~ $regex ]]; then
		pass "$name"
	else
		fail "$name" "status $status, want $want"$'\n'"$(cat "$T/out" "$T/err")"
	fi
}

ln -s "$SLULLAMAFS" "$T/mount.slullamafs"
ln -s "$SLULLAMAFS" "$T/mount.fuse.slullamafs"
version='^slullamafs [0-9]+\.[0-9]+\.[0-9]+$'

# --- each verb
verbs=$("$SLULLAMAFS" help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
is 'the verbs' "$(paste -s -d ' ' <<< "$verbs")" 'mount run watch models key serve connect status traefik haproxy parrot help'
for word in help --help -h; do
	says "slullamafs $word" 0 '^usage: slullamafs VERB' "$SLULLAMAFS" "$word"
done
for word in --version -V; do
	says "slullamafs $word" 0 "$version" "$SLULLAMAFS" "$word"
done
for verb in $verbs; do
	says "slullamafs $verb --help" 0 '^usage: ' "$SLULLAMAFS" "$verb" --help
	says "slullamafs help $verb" 0 '^usage: ' "$SLULLAMAFS" help "$verb"
	says "slullamafs $verb -v -c FILE --help" 0 '^usage: ' "$SLULLAMAFS" "$verb" -v --verbose -c /dev/null --config /dev/null --help
	says "slullamafs $verb --version" 0 "$version" "$SLULLAMAFS" "$verb" --version
done
for name in mount.slullamafs mount.fuse.slullamafs; do
	says "$name --help" 0 '^usage: mount.slullamafs ' "$T/$name" --help
	says "$name --version" 0 "$version" "$T/$name" --version
done
says 'help config' 0 $'\n\\[model.NAME\\]\n' "$SLULLAMAFS" help config

# --- mistakes
says 'no verb' 2 'which verb' "$SLULLAMAFS"
says 'an unknown verb' 2 'unknown verb "frobnicate"' "$SLULLAMAFS" frobnicate
says 'help for an unknown verb' 2 'unknown verb "frobnicate"' "$SLULLAMAFS" help frobnicate
says 'an unknown verb with --version' 2 'unknown verb' "$SLULLAMAFS" frobnicate --version
says 'mount without a mount point' 1 'no mount point' "$SLULLAMAFS" mount
says 'mount on an empty word' 1 'the mount point is an empty word' "$SLULLAMAFS" mount ''
says 'mount with an empty word for the configuration' 1 'the configuration is an empty word' "$SLULLAMAFS" mount '' "$M"
says 'mount with an unknown option' 1 'unknown option "--frobnicate"' "$SLULLAMAFS" mount --frobnicate
says 'mount with an option without its value' 1 'takes a value' "$SLULLAMAFS" mount -c
# called says VERB... is wrong for each way of calling it: 2, whatever the verb.
called() {
	says "$*" 2 "$regex" "$SLULLAMAFS" "$@"
}
regex='no state of a model' called watch parrot --until bogus
regex='takes one model' called watch a b
regex='needs a MODEL' called watch --until ready
regex='takes one MODEL' called run
regex='no time limit' called run parrot -t zz
regex='takes one FILE' called traefik
regex='takes one FILE' called haproxy a b
regex='which of' called key
regex='needs --name' called key generate
regex='no number of' called key generate --name a --concurrent x
regex='too many arguments' called key list x
regex='one name or id' called key revoke
regex='takes no argument' called serve x
regex='one argument' called status a b
regex='"0" is no port' called connect --port 0
regex='"65536" is no port' called serve --port 65536
regex='--idle-timeout: "x" is no number' called serve --idle-timeout x
regex='--local-port: "x" is no port' called connect --local-port x
regex='exclude each other' called status --token a --token-file b
for verb in run watch models key serve connect status traefik haproxy parrot; do
	regex='frobnicate' called "$verb" --frobnicate
done
says 'what does not come about is another status' 1 'there is no key' env XDG_STATE_HOME="$T/state" "$SLULLAMAFS" key revoke nobody -c /dev/null
says 'a token file that is not there, by its name' 1 "token-file: $T/none cannot be read: No such file" "$SLULLAMAFS" serve -c /dev/null --token-file "$T/none"
says 'a configuration that cannot be read too' 1 'cannot read the configuration' "$SLULLAMAFS" models -c /nonexistent

says 'parrot with an unknown option' 2 'frobnicate' "$SLULLAMAFS" parrot --frobnicate
says 'parrot with a port that is none' 2 'cannot use "x"' "$SLULLAMAFS" parrot --port x
says 'parrot with a rate of nothing' 2 '--rate: cannot use "0"' "$SLULLAMAFS" parrot --rate 0
says 'parrot with an argument' 2 'unexpected argument "x"' "$SLULLAMAFS" parrot x

# --- the README's tree: names by indentation, two blanks each, to full paths
readme_tree() {
	awk '
		/^## The tree/ { section = 1 }
		section && /^```/ { if (inside) exit; inside = 1; next }
		inside {
			match($0, /^ */)
			depth = RLENGTH / 2
			name[depth] = $1
			sub(/\/$/, "", name[depth])
			path = name[0]
			for (i = 1; i <= depth; i++)
				path = path "/" name[i]
			print path
		}' "$source_dir/README.md" | sort
}
served_tree() {
	(cd "$M" && find . -mindepth 1) | sed -E 's|^\./||
		s|^jobs/local\.[^/]+|jobs/<cluster>.<id>|
		s|^parrot/replicas/local\.[^/]+|parrot/replicas/<cluster>.<id>|
		s|^clusters/local|clusters/<name>|
		s|^parrot/chats/plan|parrot/chats/<name>|
		s|^parrot/batch/one|parrot/batch/<name>|
		s#^(parrot/history/)[0-9a-z]{9}(/|$)#\1<id>\2#
		s/^bird$/<alias>/
		s#^(jobs.*/models/)?parrot#\1<model>#' | sort
}
mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[model.parrot]
	engine = "parrot"
	aliases = ["bird"]
END
is 'a model that is awake' "$(echo hello > "$M/parrot/ask"; cat "$M/parrot/reply")" hello
mkdir "$M/parrot/chats/plan"
mkdir "$M/parrot/batch/one"
is "the README's tree is the one that is served" "$(readme_tree)" "$(served_tree)"

# What the README and the manual say of the verbs in ctl.
for word in $(cut -d ' ' -f 1 "$M/ctl" "$M/parrot/ctl" "$M"/jobs/*/ctl | sort -u); do
	ok "the README knows the verb $word" grep -qE "^ *ctl .*\\b$word\\b" "$source_dir/README.md"
	ok "the manual knows the verb $word" grep -qE "\\b$word\\b" "$source_dir/fs/slullamafs.1"
done
ok 'nothing unexpected in the log' no_complaints
done_testing

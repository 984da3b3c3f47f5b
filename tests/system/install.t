#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `cmake --install` puts the program, its other names, manual, unit, completions and examples in place.
. "$(dirname "$0")/lib.sh"
build=$(dirname "$(readlink -f "$SLULLAMAFS")")
if [ ! -e "$build/cmake_install.cmake" ] || ! command -v cmake > /dev/null; then
	skip 'all' "$build is no build directory, or there is no cmake"
	done_testing
fi

ok 'it installs' env DESTDIR="$T/dest" cmake --install "$build" --prefix /usr
D=$T/dest/usr

# --- the program, by each of its names
like 'slullamafs runs' "$("$D/bin/slullamafs" --version)" '^slullamafs [0-9]'
for name in bin/mount.slullamafs sbin/mount.slullamafs sbin/mount.fuse.slullamafs; do
	like "$name runs" "$("$D/$name" --help)" '^usage: mount.slullamafs'
	like "$name is a link that can be moved with the rest" "$(readlink "$D/$name")" '^(\.\./bin/)?slullamafs$'
done
ok 'the installed program mounts' "$D/sbin/mount.slullamafs" default "$M" -o rw
is 'and answers' "$(echo hello > "$M/parrot/ask"; cat "$M/parrot/reply")" hello
ok 'and unmounts' fusermount3 -u "$M"

# --- the manual
for page in man1/slullamafs.1 man5/slullamafs.toml.5 man8/mount.slullamafs.8; do
	file=$D/share/man/$page
	ok "$page is there" test -s "$file"
	if command -v man > /dev/null && command -v groff > /dev/null; then
		is "$page has no mistakes" "$(LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z "$file" 2>&1 > /dev/null)" ''
		like "$page renders" "$(MANWIDTH=100 man -l "$file" 2> /dev/null)" 'SEE ALSO'
	else
		skip "$page renders" 'man or groff is not installed'
	fi
done
sed -n 's/^\.B \([a-z_]*\)$/\1/p' "$D/share/man/man5/slullamafs.toml.5" > "$T/described"
missing=$("$SLULLAMAFS" help config | sed -n 's/^    \([a-z_]*\)$/\1/p' | grep -vxFf "$T/described")
is 'slullamafs.toml(5) describes each key' "$missing" ''
not_ok 'nothing is left to be put in' grep -qE '^@' "$D/share/man/man5/slullamafs.toml.5"

# --- the unit
unit=$D/lib/systemd/user/slullamafs.service
like 'the unit starts the helper' "$(cat "$unit")" $'\nExecStart=/.*/bin/mount\\.slullamafs -f %h/llm\n'
if command -v systemd-analyze > /dev/null; then
	# Of programs that are not in place yet it is right to complain.
	for file in "$unit" "${unit%.service}-serve.service" "${unit%.service}-serve.socket"; do
		said=$(systemd-analyze verify --user --man=no "$file" 2>&1 | grep -v 'not executable')
		is "${file##*/} has no mistakes" "$(grep -F "${file##*/}" <<< "$said")" ''
	done
else
	skip 'the units have no mistakes' 'systemd-analyze is not installed'
fi

# --- completions, each tried in its shell
completion=$D/share/bash-completion/completions/slullamafs
complete_bash() {
	bash -c '. "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _slullamafs 2> /dev/null; echo "${COMPREPLY[*]}"' - "$completion" "$@"
}
is 'bash: verbs' "$(complete_bash slullamafs pa)" parrot
is 'bash: a verb among others' "$(complete_bash slullamafs ke)" key
is 'bash: options of a verb' "$(complete_bash slullamafs parrot --st)" --startup
is 'bash: options of mount.slullamafs' "$(complete_bash mount.slullamafs --ver)" '--verbose --version'
is 'bash: directories' "$(cd "$T" && complete_bash mount.slullamafs ho)" home
ok 'bash: under the other name' cmp "$completion" "${completion%/*}/mount.slullamafs"
if command -v zsh > /dev/null; then
	ok 'zsh: can be read' zsh -n "$D/share/zsh/site-functions/_slullamafs"
	like 'zsh: is found' "$(zsh -fc 'fpath=("$1"); fpath+=(/usr/share/zsh/functions/Completion{,/*}); autoload -U compinit; compinit -u -d "$2"; echo $_comps[mount.slullamafs]' - "$D/share/zsh/site-functions" "$T/zcompdump" 2>&1)" '_slullamafs'
else
	skip 'zsh' 'zsh is not installed'
fi
complete_fish() {
	# shellcheck disable=SC2016 # fish expands
	fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$D/share/fish/vendor_completions.d/slullamafs.fish" "$1" | cut -f 1 | tr '\n' ' '
}
if command -v fish > /dev/null; then
	is 'fish: verbs' "$(complete_fish 'slullamafs pa')" 'parrot '
	is 'fish: options of a verb' "$(complete_fish 'slullamafs parrot --st')" '--startup '
else
	skip 'fish' 'fish is not installed'
fi

# The completions and the program know the same.
completions=("$completion" "$D/share/zsh/site-functions/_slullamafs" "$D/share/fish/vendor_completions.d/slullamafs.fish")
for verb in $("$SLULLAMAFS" help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'); do
	for word in "$verb" $("$SLULLAMAFS" "$verb" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
		for file in "${completions[@]}"; do
			grep -qE -- "(^|[^a-z-])$word([^a-z-]|$)|-l ${word#--} " "$file" || fail "${file##*/} knows $word of $verb"
		done
	done
done
for file in "${completions[@]}"; do
	is "${file##*/} says nothing twice" "$(grep -E "^complete -c|^_.*\(\) |^	'[a-z]+:" "$file" | sort | uniq -d)" ''
done
for option in $("$SLULLAMAFS" parrot --help | grep -oE '^  --[a-z-]+' | sort -u) \
	$("$SLULLAMAFS" parrot --help | sed -n '/^middle by/,$ s/^  \([a-z0-9-]*\) .*/\1/p'); do
	for file in "$completion" "$D/share/zsh/site-functions/_slullamafs" "$D/share/fish/vendor_completions.d/slullamafs.fish"; do
		grep -qE -- "(^|[^a-z-])${option}([^a-z-]|$)|-l ${option#--} " "$file" || fail "${file##*/} knows $option"
	done
done

# --- the rest
ok 'examples' test -x "$D/share/doc/slullamafs/examples/ask-many"
ok 'README' test -s "$D/share/doc/slullamafs/README.md"
is 'nothing is written beside the prefix' "$(ls -A "$T/dest")" usr
done_testing

#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Editors at a terminal save every file that may be written: what they leave is what was typed, one save is one question, and the
# locks, backups and swap files that they would like to make beside it are refused without anything being lost.
. "$(dirname "$0")/lib.sh"

mount_with <<- END || bail 'no mount'
	[model.parrot]
	engine = "parrot"
	END
P=$M/parrot

# edit EDITOR FILE TEXT: the whole file is replaced by a line, saved once, and the editor ended.
cat > "$T/edit.exp" <<- 'END'
	set timeout 20
	lassign $argv editor file text
	proc await {pattern} {
		expect -re $pattern {} timeout { exit 1 } eof { exit 2 }
	}
	switch $editor {
		vim {
			spawn -noecho vim -u NONE -N -i NONE -c "normal ggdGi$text" -c wq $file
		}
		nano {
			spawn -noecho nano -I $file
			await {Exit}
			send "\033\\\033t"
			send -- $text
			send "\017"
			await {Write}
			send "\r"
			await {Wrote}
			send "\030"
		}
		emacs {
			spawn -noecho emacs -Q -nw $file
			await {All|Top|Bot}
			send "\030h\027"
			send -- $text
			send "\030\023"
			await {Wrote}
			send "\030\003"
		}
	}
	expect eof {} timeout { exit 3 }
	exit [lindex [wait] 3]
	END
edit() {
	if [ "$1" = ed ]; then # which takes `,d` of nothing for a mistake
		{
			[ -z "$(cat "$2")" ] || echo ,d
			printf '%s\n' a "$3" . w q
		} | timeout 60 ed -s "$2" > "$T/screen" 2>&1
	else
		TMPDIR=$T TERM=xterm timeout 30 expect "$T/edit.exp" "$@" > "$T/screen" 2>&1
	fi
}

plain() {
	case $1 in
	*.json) jq -c . "$1" ;;
	*) cat "$1" ;;
	esac
}
# saves FILE TEXT: $editor writes it there, and the file then is that; of JSON the same value.
saves() {
	edit "$editor" "$1" "$2"
	local status=$?
	if [ "$status" = 0 ] && [ "$(plain "$1")" = "$2" ]; then
		pass "$editor: ${1#"$P/"}"
	else
		fail "$editor: ${1#"$P/"}" "status $status; it holds: $(cat "$1" 2>&1)"$'\n'"$(tail -c 2000 "$T/screen" | tr -c '[:print:]\n' .)"
	fi
}

prompts() {
	printf '%s\n' "$P"/history/[0-9]* | grep -c .
}
echo first > "$P/ask"
cat "$P/reply" > "$T/first"

for editor in vim nano emacs ed; do
	if ! command -v "$editor" > /dev/null; then
		skip "$editor" 'not installed'
		continue
	fi
	mkdir "$P/chats/$editor" "$P/batch/$editor"
	C=$P/chats/$editor
	before=$(prompts) names=$(ls -AR "$P/chats" "$P/batch"; ls -A "$P")
	saves "$P/system" "be as $editor"
	saves "$P/params" "{\"top_k\": ${#editor}}"
	saves "$C/system" "be $editor"
	saves "$C/params" "{\"top_k\": 1${#editor}}"
	saves "$C/transcript.json" '[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]'
	is "$editor: these asked nothing" "$(prompts)" "$before"
	saves "$P/ask" "what by $editor"
	is "$editor: one save is one question" "$(prompts)" $((before + 1))
	is "$editor: as it was typed" "$(cat "$P/history/latest/prompt")" "what by $editor"
	saves "$C/ask" "said by $editor"
	is "$editor: the conversation goes on with it" \
		"$(timeout 60 cat "$C/reply" > /dev/null; jq -r '.[-2].content' "$C/transcript.json" | head -n 1)" "said by $editor"
	saves "$P/batch/$editor/in.jsonl" "a line of $editor"
	ok "$editor: the batch begins, and ends" wait_for 60 eval '[ "$(jq -r .state "$P/batch/$editor/status")" = done ]'
	is "$editor: with one line" "$(wc -l < "$P/batch/$editor/out.jsonl")" 1
	is "$editor: nothing else was left" "$(ls -AR "$P/chats" "$P/batch"; ls -A "$P")" "$names"
	: > "$P/system"
	: > "$P/params"
done

ok 'nothing unexpected in the log' no_complaints
done_testing

#!/bin/sh
# SPDX-License-Identifier: MIT
#
# man_config.sh PROGRAM PAGE > OUT: the keys that `PROGRAM help config` lists take the place of the line @KEYS@ in the man
# page, which therefore cannot go stale. The list has a heading in brackets, a key indented by 4, and by 8 a line with its
# type and default and a line of help; what stands before the first heading is a text.
set -eu
keys=$("$1" help config)
printf '%s\n' "$keys" | awk -v page="$2" '
	function plain(s) {
		sub(/^ +/, "", s)
		gsub(/\\/, "\\e", s)
		gsub(/-/, "\\-", s)
		gsub(/"/, "\\(dq", s)
		return s
	}
	BEGIN { while ((getline line < page) > 0 && line != "@KEYS@") print line }
	/^\[/ { print ".SS " plain($0); next }
	/^    [^ ]/ { print ".TP"; print ".B " plain($0); first = 1; next }
	/^        / { print "\\&" plain($0); if (first) print ".br"; first = 0; next }
	/./ { print "\\&" plain($0) }
	END { while ((getline line < page) > 0) print line }'

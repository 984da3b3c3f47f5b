#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Each of the examples does what its first lines say. They are found by being there: one without a test here is told.
. "$(dirname "$0")/lib.sh"
examples=$here/../../examples

mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[model.parrot]
	engine = "parrot"
	aliases = ["bird"]
	[model.broken]
	engine = "parrot"
	engine_args = ["--fail", "exit-at-start"]
	[model.failing]
	engine = "parrot"
	engine_args = ["--fail", "http-500"]
	[batch]
	retries = 0
END

tested=$(sed -n 's/^# --- //p' "$0")
for example in "$examples"/*; do
	ok "${example##*/} is tested" grep -qx "${example##*/}" <<< "$tested"
done

# --- wait-for-ready
out=$("$examples/wait-for-ready" "$M/bird" 60 2>&1)
is 'wait-for-ready waits' "$?" 0
is 'the model is ready then' "$(status_of parrot state)" ready
is 'and it has said so' "$(tail -n 1 <<< "$out" | cut -f 1)" ready
status=0
out=$("$examples/wait-for-ready" "$M/broken" 60 2>&1) || status=$?
is 'wait-for-ready fails with the model' "$status" 1
like 'and says why' "$out" $'failed\t.+'

# --- ask-many
for i in {1..50}; do
	echo "question $i with 'quotes', \"these\" and \\ and \$(no)"
done > "$T/prompts"
ok 'ask-many asks all' "$examples/ask-many" "$M/parrot" "$T/answers" 8 < "$T/prompts"
is 'each answer is to its question' "$(for f in "$T"/answers/*; do cat "$f"; echo; done)" "$(cat "$T/prompts")"
status=0
out=$(echo x | "$examples/ask-many" "$M/failing" "$T/none" 2>&1) || status=$?
is 'ask-many fails if one fails' "$status" 1
like 'and says which and why' "$out" '000001: .+'

# --- openai-curl
is 'openai-curl' "$("$examples/openai-curl" "$M/parrot" 'Ein "Wort" über alles')" 'Ein "Wort" über alles'
not_ok 'openai-curl fails when the model does' "$examples/openai-curl" "$M/failing" x

# --- chat-loop
out=$(printf 'hello\nand again\n' | "$examples/chat-loop" "$M/parrot" 2> "$T/prompts")
is 'chat-loop answers each line, and prints the conversation' "$out" $'hello\nand again\n## User\n\nhello\n\n## Assistant\n\nhello\n\n## User\n\nand again\n\n## Assistant\n\nand again'
is 'it leaves no conversation behind' "$(ls "$M/parrot/chats")" ''
like 'what fails is told' "$(echo x | "$examples/chat-loop" "$M/failing" 2>&1)" '500'
not_ok 'chat-loop without a model' "$examples/chat-loop" "$T/nowhere"

# --- commit-message
if command -v git > /dev/null; then
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_EDITOR=true
	git init -q "$T/repository"
	cd "$T/repository" || bail 'no repository'
	git config user.name Somebody
	git config user.email somebody@example.org
	cp "$examples/commit-message" .git/hooks/prepare-commit-msg
	git config slullamafs.model "$M/parrot"
	echo 'a line' > file
	git add file
	ok 'a commit without a message' git commit -q
	like 'commit-message has proposed one' "$(git log -1 --format=%B)" 'Write a commit message.*\+a line'
	git commit -q --allow-empty -m 'my own'
	is 'a message of yours is left alone' "$(git log -1 --format=%B)" 'my own'
	git config slullamafs.model "$T/nowhere"
	GIT_EDITOR='sed -i 1iwritten' git commit -q --allow-empty
	is 'without a mount you write it' "$(git log -1 --format=%B)" written
	cd / || exit
else
	skip 'commit-message' 'git is not installed'
fi

# --- batch-with-make
mkdir "$T/work"
cd "$T/work" || exit
printf '%s\n' 'first "one"' second third > a.questions
seq 20 > b.questions
ok 'batch-with-make' "$examples/batch-with-make" -j 2 "MODEL=$M/parrot"
is 'answers are in the order of the questions' "$(cat a.answers b.answers)" "$(cat a.questions b.questions)"
is 'it leaves no batch behind' "$(ls "$M/parrot/batch")" ''
like 'what is done is not done again' "$("$examples/batch-with-make" "MODEL=$M/parrot")" 'Nothing to be done'
echo x > c.questions
not_ok 'it fails if a line does' "$examples/batch-with-make" "MODEL=$M/failing"
cd / || exit

# --- summarise-folder
mkdir -p "$T/papers/deep"
printf 'of a\nthing' > "$T/papers/a b"
echo 'of another' > "$T/papers/deep/c"
head -c 1000 /dev/zero > "$T/papers/no-text"
is 'summarise-folder' "$("$examples/summarise-folder" "$M/parrot" "$T/papers" | sort)" \
	$'a b: Summarise this text in one sentence: of a thing\nc: Summarise this text in one sentence: of another'
status=0
out=$("$examples/summarise-folder" "$M/failing" "$T/papers" 2>&1) || status=$?
is 'it fails if one fails' "$status" 1
like 'and says which and why' "$out" 'a b failed: .+'

# --- translate-csv
printf 'id,title\n1,"Wind, sand"\n2,"two\nlines"\n' > "$T/books.csv"
"$examples/translate-csv" "$M/parrot" title German < "$T/books.csv" > "$T/books.de.csv"
is 'translate-csv' "$(python3 -c 'import csv, sys; print([r["title (German)"].rsplit("\n\n")[-1] for r in csv.DictReader(open(sys.argv[1]))])' "$T/books.de.csv")" \
	"['Wind, sand', 'two\\nlines']"
like 'an unknown column is told' "$("$examples/translate-csv" "$M/parrot" name German < "$T/books.csv" 2>&1)" "no column name: .*title"
status=0
out=$("$examples/translate-csv" "$M/failing" title German < "$T/books.csv" 2>&1) || status=$?
is 'it fails with a row' "$status" 1
like 'and says why' "$out" '500'

# --- search
printf '%s\n' 'the keys are in the "blue" bowl' 'milk and bread' 'call Ann' > "$T/notes"
is 'search finds a line by its own words' "$("$examples/search" "$M/parrot" "$T/notes" milk and bread | head -n 1)" $'1\tmilk and bread'
is 'again by the vectors that were kept' "$("$examples/search" "$M/parrot" "$T/notes" 'call Ann' | head -n 1)" $'1\tcall Ann'
not_ok 'it fails with the model' "$examples/search" "$M/broken" "$T/notes" x

# --- ask.vim
printf 'first\nsecond\nthird\n' > "$T/draft"
vim_does() {
	timeout 60 vim -N -u NONE -i NONE -n -es -c "let g:slullamafs_model = '$1'" -S "$examples/ask.vim" -c "$2" -c 'wq' "$T/draft" < /dev/null
}
vim_does "$M/parrot" '1,2Ask what is this'
is 'ask.vim puts the answer below what was asked' "$(cat "$T/draft")" $'first\nsecond\nwhat is this\n\nfirst\nsecond\nthird'
vim_does "$M/failing" '1Ask'
like 'or why there is none' "$(sed -n 2p "$T/draft")" '500'

# --- config.toml
sed 's/^listen = .*/listen = "127.0.0.1:0"/' "$examples/config.toml" > "$T/example.toml"
mkdir "$T/llm2"
ok 'config.toml can be mounted' "$SLULLAMAFS" mount "$T/llm2" -c "$T/example.toml"
is 'with its models' "$(cd "$T/llm2" && echo */ask)" 'mine/ask parrot/ask q/ask qwen/ask'

# --- hello-python
# --- hello-python.toml
cp "$examples/hello-python" "$HOME/"
{ echo '[gateway]'; echo 'listen = "127.0.0.1:0"'; cat "$examples/hello-python.toml"; } > "$T/hello.toml"
mkdir "$T/llm3"
ok 'hello-python.toml can be mounted' "$SLULLAMAFS" mount "$T/llm3" -c "$T/hello.toml"
is 'hello-python wakes and answers' "$(curl -s -m 60 "$(cat "$T/llm3/hello/endpoint")/world")" "hello world, says $(uname -n)"

# --- quickstart
mkdir "$T/tmp"
quickstart() {
	TMPDIR=$T/tmp SLULLAMAFS=$SLULLAMAFS setsid -w "$examples/quickstart" "$@" < /dev/null 2>&1
}
out=$(quickstart)
is 'quickstart succeeds, without terminal and input' "$?" 0
like 'it shows the answer' "$out" 'as it is made\.'
like 'it shows it arriving' "$out" 'the first letter came after [0-9]+ ms, the last [1-9][0-9]{3} ms later'
like 'it says how to go on' "$out" 'host = "LOGIN-NODE"'
is 'it leaves nothing behind' "$(ls -A "$T/tmp"; grep "$T/tmp" /proc/self/mounts)" ''
out=$(quickstart --keep)
kept=$(sed -n 's/.*fusermount3 -u \([^ ;]*\);.*/\1/p' <<< "$out")
ok 'quickstart --keep leaves the mount' is_mounted "$kept"
ok 'it can be asked' test "$(cd "$kept" && echo again > parrot/ask; cat "$kept/parrot/reply")" = again
ok 'and ended as it says' bash -c "$(tail -n 1 <<< "$out")"
like 'quickstart --help' "$(quickstart --help)" 'quickstart \[--keep\] \[--cluster\]'
not_ok 'quickstart with an unknown word' quickstart --frobnicate
ok 'nothing unexpected in the log' no_complaints
done_testing

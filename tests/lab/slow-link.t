#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A link on which the way there and back takes 200 ms and every twentieth packet is lost: all works as on a good one, later.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install
if ! fault slow-link on 200 5; then
	skip 'a slow link' "none can be made here: $(tail -n 1 "$LAB_DIR/run/slow-link.log")"
	done_testing
fi

is 'the link is the slow one' "$(ip route get "$LAB_LOGIN_ADDR" | grep -o 'dev slow-[^ ]*')" "dev slow-$LAB_LINK"

lab_mount <<- 'END' || bail 'no mount'
	[model.parrot]
	engine = "parrot"
	END
began=$(logins)
asks q parrot 'from far away'
answered 'a cold question is answered' q 'from far away'
for n in 1 2 3 4 5 6 7 8; do
	asks "q$n" parrot "question $n of eight"
done
for n in 1 2 3 4 5 6 7 8; do
	answered "eight at once, $n" "q$n" "question $n of eight"
done
long=$(head -c 200000 /dev/urandom | base64 -w 0)
printf %s "$long" > "$M/parrot/ask"
is 'a quarter of a megabyte there and back' "$(timeout 120 cat "$M/parrot/reply" | cksum)" "$(printf %s "$long" | cksum)"
job=$(job_of parrot)
echo stop > "$M/parrot/ctl"
ok 'the job is cancelled' wait_for 60 lab_job_is "$job" CANCELLED
is 'by one connection' "$(($(logins) - began))" 1
ok 'unmount in time' unmount
ok 'and nothing is left' wait_for 10 no_ssh
done_testing

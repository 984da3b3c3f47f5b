#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The main path with libssh2 in place of the ssh program: a question wakes a job, a link that is reset is made anew, and nothing
# is left behind.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install
lab_mount 'transport = "ssh2"' <<- END || bail 'no mount'
	[model.parrot]
	engine = "parrot"
	END

asks first parrot 'by libssh2'
answered 'a question is answered' first 'by libssh2'
is 'the transport is named' "$(jq -r .transport "$M/clusters/lab/status")" ssh2
is 'no ssh process holds the link' "$(our_ssh)" ''
asks second parrot 'once more'
answered 'a second one too' second 'once more'
logins=$(logins)

fault link-cut on reset
ok 'the link that is reset is noticed' wait_for 60 eval '! cluster_is up'
like 'the status says why' "$(jq -r .reason "$M/clusters/lab/status")" '^lab: '
asks third parrot 'after the interruption'
fault link-cut off
answered 'a question asked meanwhile is answered' third 'after the interruption'
is 'by one new login' "$(($(logins) - logins))" 1

ok 'unmount' unmount
is 'no process of ssh is left' "$(our_ssh)" ''
is 'no socket is left in the runtime directory' "$(find "$T/r" -type s)" ''
done_testing

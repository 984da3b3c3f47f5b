#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Two users of one shared mount with two accounts on the cluster: each one's questions are answered by a job of his account. The mount
# is alice's there, and nobody here is mallory there.

# /dev/fuse and fuse.conf are opened to all in a mount namespace of this test's own.
if [ -z "${in_private:-}" ] && [ "$(id -u)" = 0 ] && unshare -m true 2> /dev/null; then
	in_private=1 exec unshare -m --propagation private "$0" "$@"
fi
. "$(dirname "$0")/mount.sh"
lab_start
lab_install
him=65534
chmod 711 "$T"
mknod -m 666 "$T/fuse" c 10 229 && mount --bind "$T/fuse" /dev/fuse
install -D -o 20002 -g 20002 -m 755 "$LAB_HOME/bin/slullamafs" "$LAB_DIR/home/mallory/bin/slullamafs"

lab_config > "$T/config.toml" <<- END
	[cluster.hers]
	host = "lab-mallory"
	ssh_config = "$LAB_DIR/ssh_config"
	partition = "gpu"
	[model.parrot]
	engine = "parrot"
	cluster = "lab"
	[user.$him]
	cluster = "hers"
END
mount_again -o allow_other || bail 'no mount'
export M
as_him() { # SCRIPT
	timeout 120 setpriv --reuid $him --regid $him --clear-groups bash -c "$1" 2>&1
}
jobs_of() { # USER: the ids of his jobs that run
	slurm squeue -h -u "$1" -t R -o %i | xargs
}
none_of() {
	[ -z "$(slurm squeue -h -u "$1" -o %i)" ]
}

asks one parrot 'the first'
answered 'the owner is answered' one 'the first'
is 'by a job of her account' "$(jobs_of alice)" "$(job_of parrot)"
is 'the other has none yet' "$(jobs_of mallory)" ''
is 'he is answered' "$(as_him 'echo "the second" > "$M/parrot/ask"; cat "$M/parrot/reply"')" 'the second'
his=$(as_him 'readlink "$M/parrot/job"')
is 'by a job of his account' "hers.$(jobs_of mallory)" "${his##*/}"
is 'hers is what it was' "$(jobs_of alice)" "$(job_of parrot)"
is 'Slurm says who asked for which' "$(slurm squeue -h -t R -o '%u %i' | sort)" "$(printf '%s\n' "alice $(job_of parrot)" "mallory ${his##*.}" | sort)"
like 'he reads the log of his engine' "$(as_him 'cat "$M/parrot/job/script"' | head -n 1)" '^#!'

# The daemon dies; each job is taken up by the way of its account.
pid=$(daemon_pid)
kill -KILL "$pid"
ok 'the daemon is gone' eval 'wait_for 20 process_gone "$pid" && wait_for 20 not_mounted'
mount_again -o allow_other || bail 'no mount again'
is 'his job answers again' "$(as_him 'echo "the third" > "$M/parrot/ask"; cat "$M/parrot/reply"; echo; readlink "$M/parrot/job"')" $'the third\n'"$his"
asks two parrot 'the fourth'
answered 'and so does hers' two 'the fourth'
is 'no other was begun' "$(slurm squeue -h -o %i | wc -l)" 2

ok 'he stops his' as_him 'echo stop > "$M/parrot/ctl"'
ok 'it ends' wait_for 60 none_of mallory
is 'hers goes on' "$(jobs_of alice)" "$(job_of parrot)"
echo stop > "$M/parrot/ctl"
ok 'every job has ended' wait_for 60 lab_no_jobs
ok 'nothing unexpected in the log' no_complaints
done_testing

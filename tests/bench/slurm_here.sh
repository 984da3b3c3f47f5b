# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# A stand-in for Slurm on this machine, for benchmarks: sbatch, squeue and scancel in $T/bin, first in PATH. A job runs at once. Each call is
# a line "PROGRAM SECONDS" (since boot) in $T/slurm/calls.

mkdir -p "$T/bin" "$T/slurm"
cat > "$T/bin/sbatch" <<- 'END'
	#!/bin/bash
	cd "${0%/bin/*}/slurm" || exit 1
	read -r now _ < /proc/uptime
	echo "sbatch $now" >> calls
	for word; do
		[[ $word != --job-name=* ]] || name=${word#*=}
	done
	id=$(($(ls -d job-* 2> /dev/null | wc -l) + 1))
	cat > "job-$id"
	SLURM_JOB_ID=$id SLURMD_NODENAME=localhost setsid bash "job-$id" < /dev/null > /dev/null 2>&1 &
	echo "$! $name" > "pid-$id"
	echo "$id"
	END
cat > "$T/bin/squeue" <<- 'END'
	#!/bin/bash
	cd "${0%/bin/*}/slurm" || exit 1
	read -r now _ < /proc/uptime
	echo "squeue $now" >> calls
	format=${*: -1}
	row() { # ID STATE NODE NAME
		local row=$format field
		set -- "%i=$1" "%T=$2" "%N=$3" %P=gpu %S=N/A %L=1:00:00 %M=0:10 %r=None "%j=$4" '%k=(null)'
		for field; do
			row=${row//"${field%%=*}"/"${field#*=}"}
		done
		printf '%s\n' "$row"
	}
	row JOBID STATE NODELIST NAME
	for job in pid-*; do
		[ -e "$job" ] || continue
		read -r pid name < "$job"
		kill -0 "$pid" 2> /dev/null && row "${job#*-}" RUNNING localhost "$name" || row "${job#*-}" COMPLETED localhost "$name"
	done
	END
cat > "$T/bin/scancel" <<- 'END'
	#!/bin/bash
	cd "${0%/bin/*}/slurm" || exit 1
	read -r now _ < /proc/uptime
	echo "scancel $now" >> calls
	for id; do
		read -r pid _ < "pid-$id" && kill -TERM "$pid"
	done
	END
chmod +x "$T/bin/"*
export PATH=$T/bin:$PATH

# calls PROGRAM FROM TO: how often it was called between two times since boot, in seconds.
calls() {
	awk -v p="$1" -v from="$2" -v to="$3" '$1 == p && $2 >= from && $2 <= to { n++ } END { print n + 0 }' "$T/slurm/calls"
}

uptime_s() {
	local now
	read -r now _ < /proc/uptime
	echo "$now"
}

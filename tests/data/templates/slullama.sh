#!/bin/bash
#SBATCH --job-name=slullama
#SBATCH --partition=${partition}
#SBATCH --gres=${gres}
#SBATCH --time=${time}
#SBATCH --output=${log_dir}/slullama-%j.out
#SBATCH --error=${log_dir}/slullama-%j.err
${extra_sbatch}

set -eu
mkdir -p "${log_dir}"
${copy_commands}
${models_env}
export OLLAMA_HOST=0.0.0.0:${ollama_port}

cleanup() {
	trap - EXIT TERM
	kill "$$OLLAMA_PID" 2> /dev/null || true
	${cleanup_commands}
}
trap cleanup EXIT TERM

echo "job $$SLURM_JOB_ID on $(hostname), models in ${OLLAMA_MODELS:-the usual place}, \$5 and $HOME"
${ollama_binary} serve &
OLLAMA_PID=$!
for i in $(seq 120); do
	if curl -sf "http://localhost:${ollama_port}/api/tags" > /dev/null; then
		echo "SLULLAMA_READY hostname=$(hostname) port=$ollama_port"
		break
	fi
	sleep 1
done
${pull_commands}
wait $$OLLAMA_PID

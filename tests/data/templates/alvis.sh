#!/usr/bin/env bash
#SBATCH --job-name=vllm-server
#SBATCH --time={{TIME}}
#SBATCH --nodes=1

export TMPDIR=${TMPDIR:-$(mktemp -d)}
cd "$TMPDIR"
MODEL="{{MODEL_PATH}}"
# The site's way to a port: whatever is free.
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
echo "$(hostname):$PORT" > server_address.txt
echo "Server will run at $(hostname):$PORT"
srun --mpi=none python3 ~/bin/tiny_engine.py --host 0.0.0.0 --port "$PORT" --api-key-file "$SFS_KEY_FILE" --delay 1 \
	--model "$MODEL" --max-model-len {{MAX_MODEL_LEN}} > vllm.out 2> vllm.err

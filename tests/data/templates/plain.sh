#!/bin/bash
#SBATCH --job-name=plain
#SBATCH --time=0:15:00
#SBATCH --comment=billing-7

exec ~/bin/slullamafs parrot --host 0.0.0.0 --port $PORT --api-key-file "$SFS_KEY_FILE"

/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_SCHEDULER_KINDS_H
#define BACKEND_SCHEDULER_KINDS_H
#include "backend/scheduler/scheduler.h"
/* The rows of scheduler_kinds[], each defined in the file of its name; for scheduler.c alone. */

extern const struct scheduler_ops slurm_scheduler;
extern const struct scheduler_ops local_scheduler;
extern const struct scheduler_ops gateway_scheduler;
extern const struct scheduler_ops fake_scheduler;

#endif

/* SPDX-License-Identifier: MIT */
#include "backend/store/journal_linux.h"

#include <stddef.h>
#include <sys/vfs.h>

/* Source: linux/magic.h and statfs(2); Lustre, GPFS, BeeGFS and PanFS by their own sources, as coreutils' stat
 * knows them too. */
static const struct {
    unsigned long type;
    const char *name;
} distant[] = {
    { 0x6969, "nfs" },        { 0x0BD00BD0, "lustre" }, { 0x47504653, "gpfs" }, { 0x65735546, "fuse" },
    { 0x01021997, "9p" },     { 0x517B, "smb" },        { 0xFF534D42, "cifs" }, { 0xFE534D42, "smb2" },
    { 0x00C36400, "ceph" },   { 0x5346414F, "afs" },    { 0x6B414653, "kafs" }, { 0x73757245, "coda" },
    { 0x19830326, "beegfs" }, { 0xAAD7AAEA, "panfs" },  { 0x564C, "ncp" },      { 0x7461636F, "ocfs2" },
    { 0x01161970, "gfs2" },   { 0x786F4256, "vboxsf" }, { 0x61636673, "acfs" }, { 0xBACBACBC, "vmhgfs" },
};

bool journal_may_be_log(long f_type)
{
    /* The field is signed on some machines: the lower 32 bits are what counts. */
    for (size_t i = 0; i < sizeof distant / sizeof distant[0]; i++)
        if (distant[i].type == ((unsigned long)f_type & 0xFFFFFFFFul))
            return false;
    return true;
}

bool journal_may_be_log_in(const char *dir)
{
    struct statfs s;

    return statfs(dir, &s) == 0 && journal_may_be_log((long)s.f_type);
}

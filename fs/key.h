/* SPDX-License-Identifier: MIT */
#ifndef FS_KEY_H
#define FS_KEY_H

int key_main(int argc, char **argv); /* argv[0] is "key"; the exit status */

#endif

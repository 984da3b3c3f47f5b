# SPDX-License-Identifier: MIT
# Writes OUT, a C file with the bytes of IN as `const char text_NAME[]`, NUL-terminated.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
file(WRITE ${OUT} "extern const char text_${NAME}[];\nconst char text_${NAME}[] = {${bytes}0};\n")

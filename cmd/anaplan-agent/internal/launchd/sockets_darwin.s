#include "textflag.h"

TEXT activate_socket_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_launch_activate_socket(SB)

GLOBL	·activateSocket(SB), RODATA, $8
DATA	·activateSocket(SB)/8, $activate_socket_trampoline<>(SB)

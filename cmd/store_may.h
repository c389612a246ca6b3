/* store_may: which commands a process may propose to the store (DESIGN section 2). */
#ifndef CMD_STORE_MAY_H
#define CMD_STORE_MAY_H

#include <stdbool.h>

#include "core/ipc.h"

/* May a command of this body_case be proposed? */
typedef bool store_may_judge(int body_case);
/* Of a process of that role; never NULL. */
store_may_judge *store_may_of(enum role role);

#endif

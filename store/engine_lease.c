#include "core/clock.h"
#include "store/engine_inner.h"

enum { LEASE_MS = 4000 };

uint64_t
engine_boot(const struct engine *e)
{
	return e->opt.boot;
}

uint64_t
engine_lease_until_ms(const struct engine *e)
{
	return e->raft.role == RAFT_LEADER ? clock_ms() + LEASE_MS : 0;
}

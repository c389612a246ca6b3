/* heap: how many octets of it are in use, with ASan and without. */
#ifndef TESTS_HEAP_H
#define TESTS_HEAP_H

#include <malloc.h>

#ifdef __SANITIZE_ADDRESS__
/* As sanitizer/allocator_interface.h has it, which gcc doesn't bring along. */
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

static inline size_t
heap_octets(void)
{
#ifdef __SANITIZE_ADDRESS__
	return __sanitizer_get_current_allocated_bytes();
#else
	return mallinfo2().uordblks;
#endif
}

#endif

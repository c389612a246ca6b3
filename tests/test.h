/* test: what every unit test includes; the home of cmocka. */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/slice.h"

#define assert_slice(s, literal)                                                               \
	do {                                                                                   \
		struct slice got_ = (s);                                                       \
		assert_int_equal(got_.n, sizeof(literal) - 1);                                 \
		assert_memory_equal(got_.p, literal, sizeof(literal) - 1);                     \
	} while (0)

#endif

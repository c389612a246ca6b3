/* An answer of the engine, over any octets: what is sound has each recipient once. */
#include "cmd/courier_group.h"
#include "core/codec.h"
#include "core/must.h"

enum { RCPTS = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	Commands__RcptRow row[RCPTS], *rows[RCPTS];
	Commands__RcptStep step[RCPTS], *steps[RCPTS];
	struct courier_step s = {.n = RCPTS};
	Ipc__FilterPassed passed = IPC__FILTER_PASSED__INIT;
	struct courier_filter f = {.s = &s, .n = RCPTS, .n_made = 2, .passed = &passed};
	struct arena a;

	arena_init(&a, 0);
	s.arena = &a;
	for (uint32_t i = 0; i < RCPTS; i++) {
		rows[i] = &row[i];
		steps[i] = &step[i];
	}
	f.row = rows;
	f.step = steps;
	f.answer = codec_unpack(&gateway__answer__descriptor, slice_of(p, n), &a);
	if (f.answer)
		passed.n_head_size = f.answer->n_group;
	if (f.answer && courier_group_are_sound(&f)) {
		courier_group_sort(&f);
		for (uint32_t i = 0; i < RCPTS; i++) {
			uint32_t found = 0;

			for (uint32_t k = 0; k < RCPTS; k++)
				found += s.step[k] == steps[i];
			must(found == 1 && f.group[i] < f.answer->n_group);
		}
	}
	arena_reset(&a);
	return 0;
}

#include "crypto/sasl.h"
#include "crypto/scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* First octet: mechanism and bindings; then lines cut at LF; each question gets the answer that
 * goes on. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n), line;
	struct buf challenge;
	struct sasl s;
	struct scram_first first;
	enum sasl_verdict v;

	if (n == 0)
		return 0;
	scram_parse_first(slice_from(in, 1), &first);
	buf_init(&challenge, 10000);
	sasl_init(&s, (enum sasl_mechanism)(p[0] % 5), p[0] / 5 % 8);
	in = slice_from(in, 1);
	v = sasl_begin(&s, NULL, &challenge);
	for (int turn = 0; turn < 20; turn++) {
		if (v == SASL_ASK) {
			if (s.question.user.n == 0)
				__builtin_trap();
			v = sasl_answer(&s,
				turn % 2 ? SASL_OUTCOME_CONTINUE : SASL_OUTCOME_ACCEPTED, in,
				&challenge);
		} else if (v == SASL_CHALLENGE && in.n) {
			line = slice_cut(in, 0, slice_find(in, '\n'));
			in = slice_from(in, line.n + 1);
			v = sasl_step(&s, line, &challenge);
		} else {
			break;
		}
	}
	sasl_fini(&s);
	buf_fini(&challenge);
	return 0;
}

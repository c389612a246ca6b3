/* The record and the policy of MTA-STS, over any octets. */
#include "core/must.h"
#include "smtp/smtp_sts.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n), id;
	struct smtp_sts_policy policy;
	struct arena a;

	arena_init(&a, 0);
	if (smtp_sts_record(&in, 1, &id) == ERR_OK)
		must(id.n > 0 && id.n <= SMTP_STS_ID_MAX && id.p > p && id.p + id.n <= p + n);
	if (smtp_sts_parse(in, &a, &policy) == ERR_OK) {
		must(policy.max_age_sec <= SMTP_STS_AGE_MAX_SEC &&
			policy.n_mx <= SMTP_STS_MX_MAX);
		must(policy.mode == SMTP_STS_NONE || policy.n_mx > 0);
		for (size_t i = 0; i < policy.n_mx; i++)
			must(smtp_sts_allows(&policy, policy.mx[i]));
	}
	smtp_sts_allows(&(struct smtp_sts_policy){.mx = &in, .n_mx = 1}, in);
	arena_reset(&a);
	return 0;
}

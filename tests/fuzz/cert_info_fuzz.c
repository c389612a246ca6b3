#include "crypto/cert_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Whatever a stranger's certificate is: an err, or texts that can be printed and fit. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct cert_info info;
	struct arena a;
	const char *kind;
	unsigned bits;

	arena_init(&a, 0);
	if (!cert_info_read(slice_of(p, n), &a, &info)) {
		if (info.subject.n > CERT_INFO_TEXT_MAX || info.issuer.n > CERT_INFO_TEXT_MAX ||
			info.addresses > CERT_ADDRESS_MAX || !info.key)
			__builtin_trap();
		for (size_t i = 0; i < info.subject.n; i++)
			if (info.subject.p[i] < 0x20 || info.subject.p[i] == 0x7f)
				__builtin_trap();
		for (size_t i = 0; i < info.addresses; i++)
			if (!slice_has(info.address[i], '@') || slice_has(info.address[i], 0))
				__builtin_trap();
	}
	(void)cert_info_key(slice_of(p, n), &kind, &bits);
	arena_reset(&a);
	return 0;
}

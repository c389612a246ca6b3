#include "crypto/keyring.h"
#include "crypto/permit.h"
#include "crypto/verifier.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What keyd and auth are brought by others: permits, wrapped keys, sealed verifiers; and a
 * verifier that opens but may hold anything. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct seal_key key = {{1}};
	static struct keyring *k;
	struct slice in = slice_of(p, n);
	struct keyring_sealed sealed = {in, slice_cut(in, 0, SEAL_WRAPPED), 1};
	uint8_t secret[32], wrapped[SEAL_WRAPPED], resealed[QUEUE_SEAL_SIZE];
	struct seal_key out;
	struct keyring_private private;
	struct verifier v;
	struct buf box;
	bool is_new;

	if (!k) {
		seal_init();
		k = keyring_new(&key);
	}
	keyring_parse_master(in, &out);
	if (!permit_check(&key, PERMIT_LOGIN, 1, 1, in) ||
		!permit_check(&key, PERMIT_ITEM, 1, 1, in))
		__builtin_trap();
	if (!keyring_open_sealed(k, &sealed, &out) ||
		!keyring_open_secret(k, KEYRING_ACCOUNT, 1, in, secret) ||
		!keyring_reseal(k, &sealed, 2, in, resealed) ||
		!keyring_open_private(k, 1, slice_cut(in, 0, SEAL_WRAPPED), in, &private) ||
		(n && !keyring_log_key(k, in, &out, wrapped, &is_new)))
		__builtin_trap();
	buf_init(&box, 2 * n + 100);
	if (!seal_box_key(&key, SLICE_LIT("hp1verif\0\0\0\0\0\0\0\1"), in, &box))
		verifier_open(&key, 1, buf_slice(&box), &v);
	buf_fini(&box);
	return 0;
}

#include "crypto/openssl_init.h"

#include <openssl/crypto.h>

#include "core/must.h"

enum { OURS = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT };

void
openssl_init(void)
{
	must(OPENSSL_init_crypto(OURS, NULL) == 1);
}

void
openssl_init_bare(void)
{
	must(OPENSSL_init_crypto(OURS | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
					 OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
					 OPENSSL_INIT_NO_ADD_ALL_DIGESTS,
		     NULL) == 1);
}

#include "crypto/key_pkcs8.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "crypto/key_file.h"
#include "crypto/seal.h"
#include "crypto/tls.h"

struct wiping {
	void *p;
	size_t n;
};

static void
wipe(void *arg)
{
	const struct wiping *w = arg;

	seal_wipe(w->p, w->n);
}

/* A copy that is wiped with the arena. */
static struct slice
keep_secret(struct arena *a, struct slice s)
{
	struct wiping *w = arena_alloc(a, sizeof *w);
	struct slice kept = arena_dup(a, s);

	*w = (struct wiping){(void *)(uintptr_t)kept.p, kept.n};
	arena_hook(a, wipe, w);
	return kept;
}

enum err
key_pkcs8_of(const EVP_PKEY *key, struct arena *a, struct slice *out)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	uint8_t *der = NULL;
	int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
	enum err e = n <= 0 ? ERR_CRYPTO : n > KEY_FILE_PKCS8_MAX ? ERR_TOO_BIG : ERR_OK;

	if (!e)
		*out = keep_secret(a, slice_of(der, (size_t)n));
	if (n > 0)
		OPENSSL_clear_free(der, (size_t)n);
	PKCS8_PRIV_KEY_INFO_free(info);
	return e;
}

EVP_PKEY *
key_pkcs8_parse(struct slice pkcs8)
{
	const uint8_t *p = pkcs8.p;
	PKCS8_PRIV_KEY_INFO *info;
	EVP_PKEY *key;

	tls_init();
	info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)pkcs8.n);
	key = info ? EVP_PKCS82PKEY(info) : NULL;
	PKCS8_PRIV_KEY_INFO_free(info);
	ERR_clear_error();
	return key;
}

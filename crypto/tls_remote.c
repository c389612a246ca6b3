#include "crypto/tls_remote.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#include "core/must.h"

#define PARAM_REMOTE "hairpin-remote"

/* What a key of ours is: a public key and whom to ask. */
struct remote {
	EVP_PKEY *public_key;
	uint32_t key;
	tls_sign sign; /* NULL: imported from a public key, can't sign */
	void *sign_arg;
	bool is_rsa;
};

struct signer {
	const struct remote *key;
	uint32_t hash_bits;
	bool is_pss;
};

/* ---- key management ---- */

static void *
remote_new_rsa(void *provider)
{
	struct remote *r = must_zalloc(sizeof *r);

	(void)provider;
	r->is_rsa = true;
	return r;
}

static void *
remote_new_ec(void *provider)
{
	(void)provider;
	return must_zalloc(sizeof(struct remote));
}

static void
remote_free(void *key)
{
	struct remote *r = key;

	if (r)
		EVP_PKEY_free(r->public_key);
	free(r);
}

static int
remote_has(const void *key, int selection)
{
	const struct remote *r = key;

	if (!r || !r->public_key)
		return 0;
	return !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || r->sign != NULL;
}

static int
remote_match(const void *a, const void *b, int selection)
{
	const struct remote *x = a, *y = b;

	(void)selection;
	return x->public_key && y->public_key && EVP_PKEY_eq(x->public_key, y->public_key) == 1;
}

/* Public keys of certificates come here to be compared with ours. */
static int
import_public(struct remote *r, const OSSL_PARAM params[])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(
		NULL, r->is_rsa ? "RSA" : "EC", "provider=default");
	int ok;

	must(ctx != NULL);
	ok = EVP_PKEY_fromdata_init(ctx) == 1 &&
	     EVP_PKEY_fromdata(
		     ctx, &r->public_key, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)params) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static int
remote_import(void *key, int selection, const OSSL_PARAM params[])
{
	struct remote *r = key;
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_REMOTE);
	const struct remote *from;
	const void *ptr;
	size_t n;

	(void)selection;
	if (!p)
		return import_public(r, params);
	if (!OSSL_PARAM_get_octet_ptr(p, &ptr, &n) || n != sizeof *from)
		return 0;
	from = ptr;
	if (!EVP_PKEY_up_ref(from->public_key))
		return 0;
	*r = *from;
	return 1;
}

static const OSSL_PARAM *
remote_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_octet_ptr(PARAM_REMOTE, NULL, 0), OSSL_PARAM_END};

	(void)selection;
	return types;
}

/* That the private half is refused sends EVP_DigestSignInit to our own signer. */
static int
remote_export(void *key, int selection, OSSL_CALLBACK *cb, void *arg)
{
	const struct remote *r = key;

	if (!r->public_key || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY))
		return 0;
	return EVP_PKEY_export(r->public_key, selection, cb, arg);
}

static int
remote_get_params(void *key, OSSL_PARAM params[])
{
	const struct remote *r = key;

	return r->public_key && EVP_PKEY_get_params(r->public_key, params);
}

static const OSSL_PARAM *
remote_gettable(void *provider)
{
	static const OSSL_PARAM gettable[] = {OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_END};

	(void)provider;
	return gettable;
}

static const char *
operation_ec(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

static const char *
operation_rsa(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "RSA" : NULL;
}

/* OpenSSL's dispatch tables hold functions of every shape behind one type. */
typedef void (*any_function)(void);
#define ROW(id, f)                                                                             \
	{                                                                                      \
		id, (any_function)(f)                                                          \
	}
#define KEY_ROWS                                                                               \
	ROW(OSSL_FUNC_KEYMGMT_FREE, remote_free), ROW(OSSL_FUNC_KEYMGMT_HAS, remote_has),      \
		ROW(OSSL_FUNC_KEYMGMT_MATCH, remote_match),                                    \
		ROW(OSSL_FUNC_KEYMGMT_IMPORT, remote_import),                                  \
		ROW(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, remote_types),                             \
		ROW(OSSL_FUNC_KEYMGMT_EXPORT, remote_export),                                  \
		ROW(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, remote_types),                             \
		ROW(OSSL_FUNC_KEYMGMT_GET_PARAMS, remote_get_params),                          \
		ROW(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, remote_gettable)

static const OSSL_DISPATCH keys_rsa[] = {ROW(OSSL_FUNC_KEYMGMT_NEW, remote_new_rsa), KEY_ROWS,
	ROW(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation_rsa), {0, NULL}};
static const OSSL_DISPATCH keys_ec[] = {ROW(OSSL_FUNC_KEYMGMT_NEW, remote_new_ec), KEY_ROWS,
	ROW(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation_ec), {0, NULL}};

/* ---- signing ---- */

static void *
signer_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return must_zalloc(sizeof(struct signer));
}

static void
signer_free(void *ctx)
{
	free(ctx);
}

/* The caller's digest by its name: OpenSSL gives "SHA2-256" or "SHA256". */
static uint32_t
hash_bits(const char *name)
{
	EVP_MD *md = name ? EVP_MD_fetch(NULL, name, NULL) : NULL;
	uint32_t bits = 0;

	if (md && EVP_MD_is_a(md, "SHA256"))
		bits = 256;
	else if (md && EVP_MD_is_a(md, "SHA384"))
		bits = 384;
	else if (md && EVP_MD_is_a(md, "SHA512"))
		bits = 512;
	EVP_MD_free(md);
	return bits;
}

static int
signer_set(void *ctx, const OSSL_PARAM params[])
{
	struct signer *s = ctx;
	const OSSL_PARAM *p = params ? OSSL_PARAM_locate_const(
					       params, OSSL_SIGNATURE_PARAM_PAD_MODE)
				     : NULL;
	const char *text;
	int number;

	if (!p)
		return 1;
	if (p->data_type == OSSL_PARAM_UTF8_STRING) {
		if (!OSSL_PARAM_get_utf8_string_ptr(p, &text))
			return 0;
		s->is_pss = slice_eq_nocase(slice_str(text), SLICE_LIT("pss"));
		return 1;
	}
	if (!OSSL_PARAM_get_int(p, &number))
		return 0;
	s->is_pss = number == RSA_PKCS1_PSS_PADDING;
	return 1;
}

static const OSSL_PARAM *
signer_settable(void *ctx, void *provider)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_END};

	(void)ctx;
	(void)provider;
	return settable;
}

static int
signer_init(void *ctx, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct signer *s = ctx;

	s->key = key;
	s->hash_bits = hash_bits(digest);
	return s->key && s->key->sign && s->hash_bits && signer_set(ctx, params);
}

/* RFC 8446 section 4.2.3. */
static uint32_t
scheme_of(const struct signer *s)
{
	uint32_t step = (s->hash_bits - 256) / 128;

	if (!s->key->is_rsa)
		return 0x0403 + (step << 8);
	return s->is_pss ? 0x0804 + step : 0x0401 + (step << 8);
}

static int
signer_sign(void *ctx, unsigned char *signature, size_t *n, size_t room,
	const unsigned char *message, size_t message_n)
{
	struct signer *s = ctx;
	struct tls_sign_request request = {
		.key = s->key->key, .scheme = scheme_of(s), .message = {message, message_n}};
	int max = EVP_PKEY_get_size(s->key->public_key);
	struct buf out;
	bool ok;

	if (max <= 0 || max > TLS_SIGNATURE_MAX || message_n > TLS_MESSAGE_MAX)
		return 0;
	if (!signature) {
		*n = (size_t)max;
		return 1;
	}
	buf_init(&out, TLS_SIGNATURE_MAX);
	ok = s->key->sign(s->key->sign_arg, &request, &out) == ERR_OK && out.n && out.n <= room;
	if (ok) {
		memcpy(signature, out.p, out.n);
		*n = out.n;
	}
	buf_fini(&out);
	return ok;
}

static const OSSL_DISPATCH signing[] = {ROW(OSSL_FUNC_SIGNATURE_NEWCTX, signer_new),
	ROW(OSSL_FUNC_SIGNATURE_FREECTX, signer_free),
	ROW(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signer_init),
	ROW(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signer_sign),
	ROW(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signer_set),
	ROW(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signer_settable), {0, NULL}};

/* ---- the provider ---- */

static const OSSL_ALGORITHM *
query(void *provider, int operation, int *no_cache)
{
	static const OSSL_ALGORITHM keys[] = {
		{"RSA:rsaEncryption:1.2.840.113549.1.1.1", "provider=hairpin", keys_rsa, NULL},
		{"EC:id-ecPublicKey:1.2.840.10045.2.1", "provider=hairpin", keys_ec, NULL},
		{NULL, NULL, NULL, NULL}};
	static const OSSL_ALGORITHM signatures[] = {
		{"RSA:rsaEncryption:1.2.840.113549.1.1.1", "provider=hairpin", signing, NULL},
		{"ECDSA", "provider=hairpin", signing, NULL}, {NULL, NULL, NULL, NULL}};

	(void)provider;
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return keys;
	return operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static int
provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
	const OSSL_DISPATCH **out, void **provider)
{
	static const OSSL_DISPATCH rows[] = {
		ROW(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), {0, NULL}};

	(void)handle;
	(void)in;
	*out = rows;
	*provider = (void *)rows; /* anything but NULL */
	return 1;
}

void
tls_remote_init(void)
{
	must(OSSL_PROVIDER_load(NULL, "default") != NULL);
	must(OSSL_PROVIDER_add_builtin(NULL, "hairpin", provider_init) == 1);
	must(OSSL_PROVIDER_load(NULL, "hairpin") != NULL);
	/* All that doesn't ask for ours by name is OpenSSL's own. */
	must(EVP_set_default_properties(NULL, "?provider=default") == 1);
}

EVP_PKEY *
tls_remote_key(EVP_PKEY *public_key, uint32_t key, tls_sign sign, void *sign_arg)
{
	struct remote from = {
		.public_key = public_key, .key = key, .sign = sign, .sign_arg = sign_arg};
	void *ptr = &from;
	OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_ptr(PARAM_REMOTE, &ptr, sizeof from),
		OSSL_PARAM_END};
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *made = NULL;

	from.is_rsa = EVP_PKEY_is_a(public_key, "RSA");
	if (!from.is_rsa && !EVP_PKEY_is_a(public_key, "EC"))
		return NULL;
	ctx = EVP_PKEY_CTX_new_from_name(NULL, from.is_rsa ? "RSA" : "EC", "provider=hairpin");
	must(ctx != NULL);
	must(EVP_PKEY_fromdata_init(ctx) == 1);
	must(EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_KEYPAIR, params) == 1);
	EVP_PKEY_CTX_free(ctx);
	return made;
}

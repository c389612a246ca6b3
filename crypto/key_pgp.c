#include "crypto/key_pgp.h"

#include <string.h>

#include "crypto/pgp_armor.h"
#include "crypto/pgp_bundle.h"
#include "crypto/pgp_info.h"
#include "crypto/pgp_merge.h"
#include "crypto/pgp_packet.h"
#include "crypto/seal.h"

enum { OUT_MAX = PGP_MAKE_MAX, DAY_SEC = 86400 };

#define BEGIN "-----BEGIN PGP "
/* Of UTF-8, as some editors put it. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

bool
key_pgp_is(struct slice file)
{
	return pgp_info_is(file) || slice_find_slice(file, SLICE_LIT(BEGIN)) < file.n;
}

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

static struct slice
keep_secret(struct arena *a, struct slice octets)
{
	struct wiping *w = arena_alloc(a, sizeof *w);
	struct slice kept = arena_dup(a, octets);

	*w = (struct wiping){(void *)(uintptr_t)kept.p, kept.n};
	arena_hook(a, wipe, w);
	return kept;
}

/* --- reading --- */

static struct pgp_make_passwords
passwords(const struct slice *word, const char *password)
{
	return (struct pgp_make_passwords){.old = word, .n_old = password ? 1 : 0};
}

/* GnuPG's stub of a primary key that is elsewhere makes it no less a private key. */
static bool
has_private(const struct pgp_cert *cert)
{
	bool has = cert->is_secret;

	for (size_t i = 0; i < cert->n_keys; i++)
		has |= cert->key[i].tag == PGP_TAG_SECRET_KEY ||
		       cert->key[i].tag == PGP_TAG_SECRET_SUBKEY;
	return has;
}

static enum err
add_private(const struct pgp_cert *cert, const char *password, struct arena *a,
	struct key_file *out)
{
	struct slice word = slice_str(password ? password : "");
	struct pgp_make_passwords with = passwords(&word, password);
	struct buf bundle;
	enum err e;

	if (out->keys == KEY_FILE_KEYS_MAX)
		return ERR_LIMIT;
	buf_init_secret(&bundle, KEY_FILE_PKCS8_MAX);
	e = pgp_bundle_take(cert, &with, &bundle);
	if (e == ERR_AUTH && !password)
		e = ERR_DENIED;
	if (!e)
		out->key[out->keys++] = keep_secret(a, buf_slice(&bundle));
	buf_fini_secret(&bundle);
	return e;
}

/* With many signatures of others, and old ones of its own, it is larger than what is kept. */
static enum err
trim(struct buf *octets)
{
	struct slice rest = buf_slice(octets);
	struct pgp_cert *cert;
	struct buf out;
	bool has_news;
	enum err e;

	if (octets->n <= PGP_MERGE_MAX)
		return ERR_OK;
	e = pgp_cert_parse(&rest, &cert);
	if (e)
		return e;
	buf_init(&out, PGP_MERGE_MAX);
	e = pgp_merge(&cert, 1, PGP_MERGE_MAX, &out, &has_news);
	buf_clear(octets);
	if (!e)
		buf_put_slice(octets, buf_slice(&out));
	buf_fini(&out);
	pgp_cert_free(cert);
	return e;
}

/* With a private key its certificate comes once more. */
static bool
has_cert(const struct key_file *f, struct slice octets)
{
	for (size_t i = 0; i < f->certs; i++)
		if (slice_eq(f->cert[i], octets))
			return true;
	return false;
}

static enum err
add_cert(const struct pgp_cert *cert, struct arena *a, struct key_file *out)
{
	struct buf octets;
	enum err e;

	if (out->certs == KEY_FILE_CERTS_MAX)
		return ERR_LIMIT;
	buf_init(&octets, OUT_MAX);
	e = pgp_make_public(cert, &octets);
	e = e ? e : trim(&octets);
	if (!e && !has_cert(out, buf_slice(&octets)))
		out->cert[out->certs++] = arena_dup(a, buf_slice(&octets));
	buf_fini(&octets);
	return e;
}

static enum err
add_all(struct slice rest, const char *password, struct arena *a, struct key_file *out)
{
	struct pgp_cert *cert;
	enum err e;

	while ((e = pgp_cert_parse(&rest, &cert)) == ERR_OK) {
		if (has_private(cert))
			e = add_private(cert, password, a, out);
		e = e ? e : add_cert(cert, a, out);
		pgp_cert_free(cert);
		if (e)
			return e;
	}
	return e == ERR_END ? ERR_OK : e;
}

static enum err
read_block(struct slice block, const char *password, struct arena *a, struct key_file *out)
{
	struct pgp_unarmor u;
	struct buf packets;
	enum err e;

	buf_init_secret(&packets, KEY_FILE_MAX);
	pgp_unarmor_init(&u, text_into(&packets));
	e = pgp_unarmor_feed(&u, block);
	e = e ? e : pgp_unarmor_finish(&u);
	if (e == ERR_NOT_FOUND)
		e = ERR_SYNTAX;
	e = e ? e : add_all(buf_slice(&packets), password, a, out);
	buf_fini_secret(&packets);
	return e;
}

/* Where a line begins so, from there on; s.n: nowhere. */
static size_t
find_block(struct slice s, size_t from)
{
	size_t at = from;

	while ((at += slice_find_slice(slice_from(s, at), SLICE_LIT(BEGIN))) < s.n && at &&
		s.p[at - 1] != '\n')
		at++;
	return at;
}

enum err
key_pgp_read(struct slice file, const char *password, struct arena *a, struct key_file *out)
{
	enum err e = ERR_OK;
	size_t at, next;

	if (slice_starts(file, SLICE_LIT(BYTE_ORDER_MARK)))
		file = slice_from(file, sizeof BYTE_ORDER_MARK - 1);
	at = find_block(file, 0);
	if (pgp_info_is(file) || at == file.n)
		return read_block(file, password, a, out);
	for (; at < file.n && !e; at = next) {
		next = find_block(file, at + 1);
		e = read_block(slice_cut(file, at, next), password, a, out);
	}
	return e;
}

/* --- what belongs together --- */

bool
key_pgp_fits(struct slice octets, struct slice certificate)
{
	struct pgp_cert *cert = pgp_info_parse(certificate);
	struct pgp_bundle *bundle = NULL;
	bool fits = false;

	if (cert && !pgp_bundle_parse(octets, &bundle))
		for (size_t i = 0; i < cert->n_keys; i++) {
			const struct pgp_public *k = &cert->key[i].public;

			fits |= pgp_bundle_find(bundle,
					slice_of(k->fingerprint, k->n_fingerprint)) != NULL;
		}
	pgp_bundle_free(bundle);
	pgp_cert_free(cert);
	return fits;
}

struct slice
key_pgp_public(struct slice certificate, struct arena *a)
{
	struct pgp_cert *cert = pgp_info_parse(certificate);
	struct slice out = SLICE_EMPTY;
	struct buf packet;

	if (!cert)
		return out;
	buf_init(&packet, PGP_PUBLIC_BODY_MAX + PGP_PACKET_HEAD_MAX);
	if (pgp_packet_put(&packet, PGP_TAG_PUBLIC_KEY, cert->key[0].public.body))
		out = arena_dup(a, buf_slice(&packet));
	buf_fini(&packet);
	pgp_cert_free(cert);
	return out;
}

/* --- making --- */

enum err
key_pgp_make(const char *kind, const struct key_make *q, struct arena *a, struct slice *bundle,
	struct slice *cert)
{
	struct key_file made = {.keys = 0};
	struct pgp_make_setup setup = {.created_sec = (uint32_t)q->now_sec,
		.expires_sec = q->days * DAY_SEC,
		.user_id = q->address,
		.n_user_ids = q->addresses};
	struct buf octets;
	enum err e = ERR_OK;

	if (!strcmp(kind, "openpgp6"))
		setup.kind = PGP_MAKE_V6;
	else if (strcmp(kind, "openpgp") != 0)
		return ERR_UNSUPPORTED;
	buf_init_secret(&octets, OUT_MAX);
	e = pgp_make_key(&setup, &octets);
	e = e ? e : add_all(buf_slice(&octets), NULL, a, &made);
	buf_fini_secret(&octets);
	if (!e) {
		*bundle = made.key[0];
		*cert = made.cert[0];
	}
	return e;
}

static enum err
put_armor(enum pgp_armor_kind kind, const struct pgp_cert *cert, struct slice octets,
	struct buf *out)
{
	struct pgp_armor armor;
	enum err e;

	pgp_armor_init(&armor, kind, cert->key[0].public.version != 6, text_into(out));
	e = pgp_armor_feed(&armor, octets);
	return e ? e : pgp_armor_finish(&armor);
}

enum err
key_pgp_put(const struct key_make_file *q, struct buf *out)
{
	struct pgp_cert *cert = q->certs ? pgp_info_parse(q->cert[0]) : NULL;
	struct pgp_bundle *bundle = NULL;
	struct buf octets;
	enum err e = cert ? pgp_bundle_parse(q->pkcs8, &bundle) : ERR_SYNTAX;

	buf_init_secret(&octets, OUT_MAX);
	if (!e)
		e = pgp_bundle_join(
			cert, bundle, slice_str(q->password ? q->password : ""), &octets);
	if (!e)
		e = put_armor(PGP_ARMOR_PRIVATE_KEY, cert, buf_slice(&octets), out);
	buf_fini_secret(&octets);
	pgp_bundle_free(bundle);
	pgp_cert_free(cert);
	return e;
}

enum err
key_pgp_put_cert(struct slice certificate, struct buf *out)
{
	struct pgp_cert *cert = pgp_info_parse(certificate);
	enum err e = cert ? put_armor(PGP_ARMOR_PUBLIC_KEY, cert, certificate, out)
			  : ERR_SYNTAX;

	pgp_cert_free(cert);
	return e;
}

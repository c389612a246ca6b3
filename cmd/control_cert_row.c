#include "cmd/control_cert_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "cmd/control_list.h"
#include "core/codec.h"
#include "core/must.h"
#include "crypto/pgp_info.h"
#include "crypto/pgp_valid.h"
#include "crypto/seal.h"

json_t *
control_cert_hex(struct slice octets, size_t n)
{
	struct buf text;
	json_t *out;

	buf_init(&text, 2 * octets.n + 1);
	seal_hex(slice_cut(octets, 0, n), &text);
	out = control_json(buf_slice(&text));
	buf_fini(&text);
	return out;
}

json_t *
control_cert_base64(struct slice octets)
{
	struct buf text;
	json_t *out;

	buf_init(&text, octets.n * 2 + 8);
	seal_b64(octets, &text);
	out = control_json(buf_slice(&text));
	buf_fini(&text);
	return out;
}

static json_t *
kind_text(const char *kind, unsigned bits)
{
	bool has_size = slice_starts(slice_str(kind), SLICE_LIT("RSA"));

	return has_size ? json_sprintf("%s %u", kind, bits) : json_string(kind);
}

json_t *
control_cert_key_text(struct slice spki)
{
	const char *kind;
	unsigned bits;

	return cert_info_key(spki, &kind, &bits) ? json_string("?") : kind_text(kind, bits);
}

static json_t *
usage_json(const struct cert_info *info)
{
	json_t *out = json_array();

	if (info->is_authority)
		json_array_append_new(out, json_string("authority"));
	if (info->may_sign && info->is_for_mail)
		json_array_append_new(out, json_string("sign"));
	if (info->may_encrypt && info->is_for_mail)
		json_array_append_new(out, json_string("encrypt"));
	return out;
}

bool
control_cert_put(json_t *out, struct slice der, struct arena *a)
{
	struct cert_info info;
	json_t *addresses;

	if (cert_info_read(der, a, &info)) {
		json_object_set_new(out, "subject", json_string("?"));
		return false;
	}
	addresses = json_array();
	for (size_t i = 0; i < info.addresses; i++)
		json_array_append_new(addresses, control_json(info.address[i]));
	json_object_set_new(out, "subject", control_json(info.subject));
	json_object_set_new(out, "issuer", control_json(info.issuer));
	json_object_set_new(out, "serial", control_json(info.serial));
	json_object_set_new(out, "names", addresses);
	json_object_set_new(out, "begins", json_integer(info.from_sec));
	json_object_set_new(out, "ends", json_integer(info.until_sec));
	json_object_set_new(out, "key", kind_text(info.key, info.bits));
	json_object_set_new(out, "usage", usage_json(&info));
	json_object_set_new(out, "self_signed", json_boolean(info.is_self_signed));
	json_object_set_new(out, "sha256",
		control_cert_hex(slice_of(info.sha256, sizeof info.sha256), SIZE_MAX));
	json_object_set_new(out, "name",
		control_cert_hex(
			slice_of(info.sha256, sizeof info.sha256), CONTROL_CERT_NAME / 2));
	json_object_set_new(out, "key_sha256",
		control_cert_hex(slice_of(info.key_sha256, sizeof info.key_sha256), SIZE_MAX));
	return info.is_revoked;
}

bool
control_cert_can_encrypt(struct slice der, uint64_t now_sec, struct arena *a)
{
	size_t keys[PGP_VALID_RECIPIENTS_MAX];
	struct cert_info info;
	struct pgp_cert *cert;
	bool can;

	if (!pgp_info_is(der))
		return !cert_info_read(der, a, &info) && info.may_encrypt && info.is_for_mail;
	cert = pgp_info_parse(der);
	can = cert && pgp_valid_recipients(cert, now_sec, keys) > 0;
	pgp_cert_free(cert);
	return can;
}

/* The text's octets in the request's memory. */
static bool
read_base64(struct control_request *r, struct slice text, struct slice *out)
{
	struct buf raw;
	bool good;

	buf_init(&raw, text.n + 4);
	good = seal_b64_open(text, &raw) == ERR_OK && raw.n;
	if (good)
		*out = arena_dup(&r->arena, buf_slice(&raw));
	buf_fini_secret(&raw);
	return good;
}

bool
control_cert_octets(
	struct control_request *r, const char *name, struct slice *list, size_t max, size_t *n)
{
	json_t *array = json_object_get(r->in, name), *one;
	size_t i;

	*n = 0;
	json_array_foreach(array, i, one)
	{
		if (*n == max || !json_is_string(one) ||
			!read_base64(r, slice_str(json_string_value(one)), &list[*n])) {
			control_fail(r, EX_DATAERR, "%s: at most %zu, in base64", name, max);
			return false;
		}
		++*n;
	}
	return true;
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

struct slice
control_cert_secret(struct control_request *r, const char *name, size_t max)
{
	struct wiping *w = arena_alloc(&r->arena, sizeof *w);
	const char *text = control_text(r, name);
	struct slice out = SLICE_EMPTY;

	if (!text || !read_base64(r, slice_str(text), &out) || out.n > max)
		return SLICE_EMPTY;
	*w = (struct wiping){(void *)(uintptr_t)out.p, out.n};
	arena_hook(&r->arena, wipe, w);
	/* jansson keeps its own copy until the request's end. */
	seal_wipe((void *)(uintptr_t)text, strlen(text));
	return out;
}

void
control_cert_id_text(uint64_t id, char text[CONTROL_CERT_ID + 1])
{
	snprintf(text, CONTROL_CERT_ID + 1, "%014" PRIx64, id & ((UINT64_C(1) << 56) - 1));
}

uint64_t
control_cert_id(struct control_request *r, const char *name)
{
	const char *text = control_text(r, name);
	char *end = NULL;
	uint64_t id = text ? strtoull(text, &end, 16) : 0;

	if (text && strlen(text) == CONTROL_CERT_ID && *end == '\0' && id)
		return id;
	control_fail(r, EX_USAGE,
		"%s: not a key's id: %d hexadecimal digits, as "
		"`hairpin key list` shows them",
		text ? text : name, CONTROL_CERT_ID);
	return 0;
}

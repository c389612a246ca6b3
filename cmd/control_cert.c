/* control_cert: verbs of certificates: whose there are, which are believed, which are blocked.
 * One is named by its SHA-256, or by as many of its first digits as tell it from the others. */
#include <stdio.h>
#include <sysexits.h>

#include "cmd/control_cert_merge.h"
#include "cmd/control_cert_row.h"
#include "cmd/control_list.h"
#include "cmd/control_status.h"
#include "core/codec.h"
#include "crypto/pgp_info.h"
#include "crypto/seal.h"
#include "store/apply_cert.h"
#include "store/view_cert.h"
#include "store/view_trust.h"

enum { FOUND_MAX = 256, FINGERPRINT = 40 }; /* digits, of version 4 */

/* --- rows --- */

static const char *
trust_text(uint32_t trust)
{
	static const char *const texts[] = {
		"none", "harvested", "discovered", "verified", "manual"};

	return trust < sizeof texts / sizeof *texts ? texts[trust] : "?";
}

static const char *
state_text(const Commands__Cert *cert, bool is_blocked, uint64_t now_sec)
{
	if (is_blocked)
		return "blocked";
	if (cert->state == COMMANDS__CERT__STATE__PENDING)
		return "pending";
	if (cert->until_sec <= now_sec)
		return "expired";
	if (cert->from_sec > now_sec && cert->state == COMMANDS__CERT__STATE__GOOD)
		return "not yet";
	return cert->state == COMMANDS__CERT__STATE__OLD ? "old" : "good";
}

static json_t *
cert_row(struct control_request *r, struct slice address, const Commands__Cert *cert,
	bool is_blocked)
{
	const char *state = state_text(cert, is_blocked, courier_now_sec(r->courier));
	char id[CONTROL_CERT_ID + 1] = "";
	json_t *out = json_object();

	if (cert->key)
		control_cert_id_text(cert->key, id);
	if (control_cert_put(out, codec_slice(cert->der), &r->arena) &&
		!strcmp(state, "expired"))
		state = "revoked";
	if (!strcmp(state, "good") && !control_cert_can_encrypt(codec_slice(cert->der),
					      courier_now_sec(r->courier), &r->arena))
		state = "sign only";
	json_object_set_new(out, "address", control_json(address));
	json_object_set_new(out, "state", json_string(state));
	json_object_set_new(out, "trust", json_string(trust_text(cert->trust)));
	json_object_set_new(out, "added", json_integer((json_int_t)cert->added_sec));
	json_object_set_new(out, "private_key", json_string(id));
	json_object_set_new(out, "has_capabilities", json_boolean(cert->capabilities.len > 0));
	return out;
}

/* What waits for approval is used where nothing else is left. */
static bool
is_in_use(struct control_request *r, struct db_txn *txn, struct slice address,
	struct slice sha256)
{
	struct view_certs found = {0};

	if (view_cert_usable(txn, address, courier_now_sec(r->courier), &r->arena, &found))
		return false;
	for (size_t i = 0; i < found.n; i++)
		if (slice_eq(found.list[i].sha256, sha256))
			return true;
	return false;
}

/* Names what keeps it from being used, whatever the row says. OpenPGP's say it themselves. */
static void
put_status(json_t *out, const Commands__Cert *cert, const struct view_status *s)
{
	if (pgp_info_is(codec_slice(cert->der)))
		return;
	control_status_put(out, s);
	if (s->kind == VIEW_STATUS_REVOKED &&
		strcmp(json_string_value(json_object_get(out, "state")), "blocked") != 0)
		json_object_set_new(out, "state", json_string("revoked"));
}

static json_t *
list_cert(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	const Commands__Cert *cert = codec_unpack(&commands__cert__descriptor, v, &r->arena);
	struct slice address = slice_cut(k, 0, slice_find(k, '\0'));
	struct slice sha256 = slice_from(k, address.n + 1);
	struct view_status status = {.kind = VIEW_STATUS_UNKNOWN};
	bool is_blocked = false;
	json_t *out;

	if (!cert || (r->state && !slice_eq(address, *(struct slice *)r->state)) ||
		view_trust_is_blocked(txn, sha256, &r->arena, &is_blocked) ||
		view_status_judge(txn, sha256, courier_now_sec(r->courier), &r->arena, &status))
		return NULL;
	out = cert_row(r, address, cert, is_blocked);
	put_status(out, cert, &status);
	if (cert->state == COMMANDS__CERT__STATE__PENDING && is_in_use(r, txn, address, sha256))
		json_object_set_new(out, "state", json_string("in use"));
	return out;
}

static json_t *
trust_row(struct control_request *r, struct slice sha256, const Commands__Trust *row)
{
	json_t *out = json_object();

	if (row->anchor.len)
		control_cert_put(out, codec_slice(row->anchor), &r->arena);
	json_object_set_new(out, "sha256", control_cert_hex(sha256, SIZE_MAX));
	json_object_set_new(out, "name", control_cert_hex(sha256, CONTROL_CERT_NAME / 2));
	json_object_set_new(out, "state", json_string(row->blocked ? "blocked" : "trusted"));
	json_object_set_new(out, "added", json_integer((json_int_t)row->added_sec));
	json_object_set_new(out, "comment", control_json(slice_str(row->comment)));
	return out;
}

static json_t *
list_trust(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	const Commands__Trust *row = codec_unpack(&commands__trust__descriptor, v, &r->arena);

	(void)txn;
	return row ? trust_row(r, k, row) : NULL;
}

static void
cert_list(struct control_request *r)
{
	struct slice *address = arena_alloc(&r->arena, sizeof *address);

	if (json_is_true(json_object_get(r->in, "trusted"))) {
		control_list(r, DB_TRUST, list_trust);
		return;
	}
	if (control_text(r, "address")) {
		*address = control_address(r, "address", true);
		if (!address->n)
			return;
		r->state = address;
	}
	control_list(r, DB_CERT, list_cert);
}

/* --- which one is meant --- */

struct found {
	struct slice address, sha256;
	Commands__Cert *cert; /* NULL: of table trust */
	Commands__Trust *trust;
};
struct finding {
	struct control_request *r;
	struct db_txn *txn;
	struct slice name, address; /* address: empty: any */
	struct found row[FOUND_MAX];
	size_t n, next;
	bool is_doubtful, is_full;
	/* What is to become of them; what is sent about one of them. */
	bool deletes;
	json_t *rows;
	struct view_status status; /* of the one */
};

static bool
is_named(struct finding *f, struct slice sha256)
{
	struct buf hex;
	bool is;

	buf_init(&hex, 2 * SCHEMA_SHA256 + 1);
	is = seal_hex(sha256, &hex) && slice_starts_nocase(buf_slice(&hex), f->name);
	buf_fini(&hex);
	if (is && f->n && !slice_eq(f->row[0].sha256, sha256))
		f->is_doubtful = true;
	f->is_full |= is && f->n == FOUND_MAX;
	return is && f->n < FOUND_MAX && !f->is_doubtful;
}

static bool
take_cert(void *arg, struct slice address, struct slice sha256, Commands__Cert *cert)
{
	struct finding *f = arg;

	if ((!f->address.n || slice_eq(address, f->address)) && is_named(f, sha256))
		f->row[f->n++] = (struct found){.address = arena_dup(&f->r->arena, address),
			.sha256 = arena_dup(&f->r->arena, sha256),
			.cert = cert};
	return !f->is_doubtful;
}

static bool
take_trust(void *arg, struct slice sha256, Commands__Trust *row)
{
	struct finding *f = arg;

	if (is_named(f, sha256))
		f->row[f->n++] = (struct found){
			.sha256 = arena_dup(&f->r->arena, sha256), .trust = row};
	return !f->is_doubtful;
}

/* NULL: failed, and said so. */
static struct finding *
find(struct control_request *r, bool in_trust)
{
	struct finding *f = arena_zalloc(&r->arena, sizeof *f);
	const char *name = control_text(r, "sha256");
	enum err e;

	f->r = r;
	f->name = slice_str(name);
	r->state = f;
	if (f->name.n < CONTROL_CERT_NAME_MIN || f->name.n > 2 * SCHEMA_SHA256) {
		control_fail(r, EX_USAGE,
			"a certificate is named by the first %d or more digits of its SHA-256 "
			"(`hairpin cert list` shows them)",
			CONTROL_CERT_NAME_MIN);
		return NULL;
	}
	if (control_text(r, "address")) {
		f->address = control_address(r, "address", true);
		if (!f->address.n)
			return NULL;
	}
	f->txn = control_read(r);
	if (!f->txn)
		return NULL;
	e = view_cert_all(f->txn, SLICE_EMPTY, &r->arena, take_cert, f);
	if (!e && in_trust && !f->is_doubtful)
		e = view_trust_each(f->txn, &r->arena, take_trust, f);
	if (!e && f->n)
		e = view_status_judge(f->txn, f->row[0].sha256, courier_now_sec(r->courier),
			&r->arena, &f->status);
	view_end(r->courier->view);
	if (e)
		control_fail(r, EX_TEMPFAIL,
			"the certificates can't be read now: %s; try again", err_text(e));
	else if (f->is_doubtful)
		control_fail(
			r, EX_USAGE, "more than one begins with %s: give more digits", name);
	else if (f->is_full)
		control_fail(r, EX_USAGE, "it has more than %d addresses: name one", FOUND_MAX);
	return e || f->is_doubtful || f->is_full ? NULL : f;
}

/* There must be one. */
static struct finding *
find_one(struct control_request *r, bool in_trust)
{
	struct finding *f = find(r, in_trust);

	if (!f || f->n)
		return f;
	control_fail(r, EX_NOUSER, "no such certificate%s (`hairpin cert list`%s)%s",
		f->address.n ? " of that address" : "",
		in_trust ? " and `hairpin cert list --trusted` show them" : " shows them",
		f->name.n == FINGERPRINT ? ": there, an OpenPGP fingerprint is the serial"
					 : "");
	return NULL;
}

static void
cert_show(struct control_request *r)
{
	struct finding *f = find_one(r, true);
	json_t *out, *rows = json_array();

	if (!f)
		return;
	out = json_object();
	for (size_t i = 0; i < f->n; i++) {
		const struct found *one = &f->row[i];
		struct slice der = codec_slice(one->cert ? one->cert->der : one->trust->anchor);
		json_t *row = json_object();

		if (der.n && !json_object_get(out, "der")) {
			control_cert_put(out, der, &r->arena);
			json_object_set_new(out, "der", control_cert_base64(der));
		}
		json_object_set_new(row, "address", control_json(one->address));
		json_object_set_new(row, "state",
			json_string(one->cert		  ? state_text(one->cert, false,
								    courier_now_sec(r->courier))
				    : one->trust->blocked ? "blocked"
							  : "trusted"));
		json_object_set_new(row, "trust",
			json_string(one->cert ? trust_text(one->cert->trust) : "manual"));
		if (one->cert && f->status.kind == VIEW_STATUS_REVOKED)
			json_object_set_new(row, "state", json_string("revoked"));
		json_array_append_new(rows, row);
	}
	if (!f->row[0].cert || !pgp_info_is(codec_slice(f->row[0].cert->der)))
		control_status_put(out, &f->status);
	json_object_set_new(out, "sha256", control_cert_hex(f->row[0].sha256, SIZE_MAX));
	json_object_set_new(out, "known", rows);
	control_reply(r, out);
}

/* --- one after the other --- */

static void go_on(struct control_request *r);

static void
on_done(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct control_request *r = arg;
	struct finding *f = r->state;

	if (!control_is_done(r, e, answer)) {
		json_decref(f->rows);
		return;
	}
	json_array_append_new(f->rows, control_json(f->row[f->next++].address));
	go_on(r);
}

/* The next of the certificate's addresses. */
static void
go_on(struct control_request *r)
{
	Commands__CertPut *put = arena_alloc(&r->arena, sizeof *put);
	Commands__CertDel *del = arena_alloc(&r->arena, sizeof *del);
	struct finding *f = r->state;
	struct found *one = &f->row[f->next];
	json_t *out;

	if (f->next == f->n) {
		out = json_object();
		json_object_set_new(
			out, "sha256", control_cert_hex(f->row[0].sha256, SIZE_MAX));
		json_object_set_new(out, "addresses", f->rows);
		control_reply(r, out);
		return;
	}
	commands__cert_put__init(put);
	commands__cert_del__init(del);
	put->address = del->address = codec_bytes(one->address);
	put->cert = one->cert;
	put->cert->trust = SCHEMA_TRUST_MANUAL;
	del->sha256 = codec_bytes(one->sha256);
	r->command.body_case = f->deletes ? COMMANDS__COMMAND__BODY_CERT_DEL
					  : COMMANDS__COMMAND__BODY_CERT_PUT;
	if (f->deletes)
		r->command.cert_del = del;
	else
		r->command.cert_put = put;
	courier_propose(r->courier, &r->command, SLICE_EMPTY, on_done, r);
}

static void
act(struct control_request *r, bool deletes)
{
	struct finding *f = find_one(r, false);

	if (!f)
		return;
	f->deletes = deletes;
	f->rows = json_array();
	go_on(r);
}

static void
cert_approve(struct control_request *r)
{
	act(r, false);
}

static void
cert_delete(struct control_request *r)
{
	act(r, true);
}

/* What becomes of a certificate for one address. */
static bool
add_one(struct control_request *r, struct finding *f, struct slice address, struct slice der)
{
	struct cert_info *info = arena_alloc(&r->arena, sizeof *info);
	Commands__Cert *cert = arena_alloc(&r->arena, sizeof *cert);
	enum err e = control_cert_merge(f->txn, address, &r->arena, &der);

	e = e ? e : cert_info_read(der, &r->arena, info);
	if (e == ERR_DENIED) {
		control_fail(r, EX_NOPERM,
			"a copy of it is blocked: `hairpin cert list %.*s` shows which; "
			"`hairpin "
			"cert untrust SHA256` ends that",
			SLICE_FMT(address));
		return false;
	}
	if (e) {
		bool is_its = e == ERR_TOO_BIG || e == ERR_LIMIT || e == ERR_SYNTAX;

		control_fail(r, is_its ? EX_DATAERR : EX_TEMPFAIL,
			"it can't be put together with what is known of it: %s", err_text(e));
		return false;
	}
	commands__cert__init(cert);
	cert->der = codec_bytes(der);
	cert->public_key = (ProtobufCBinaryData){sizeof info->key_sha256, info->key_sha256};
	cert->until_sec = (uint64_t)info->until_sec;
	cert->from_sec = info->from_sec > 0 ? (uint64_t)info->from_sec : 0;
	f->row[f->n++] = (struct found){.address = address,
		.sha256 = slice_of(info->sha256, sizeof info->sha256),
		.cert = cert};
	return true;
}

/* For each of its addresses. */
static void
cert_add(struct control_request *r)
{
	struct finding *f = arena_zalloc(&r->arena, sizeof *f);
	ProtobufCBinaryData *list;
	struct cert_info info;
	struct slice der;
	size_t n, addresses;
	bool good = true;

	r->state = f;
	if (!control_cert_octets(r, "certificates", &der, 1, &n) ||
		!control_addresses(r, "addresses", &list, &addresses))
		return;
	if (n != 1 || cert_info_read(der, &r->arena, &info)) {
		control_fail(r, EX_DATAERR, "not a certificate");
		return;
	}
	if (!addresses || addresses > FOUND_MAX) {
		control_fail(r, EX_USAGE, "1 to %d addresses are needed", FOUND_MAX);
		return;
	}
	f->txn = control_read(r);
	if (!f->txn)
		return;
	for (size_t i = 0; i < addresses && good; i++)
		good = add_one(r, f, codec_slice(list[i]), der);
	view_end(r->courier->view);
	if (!good)
		return;
	f->rows = json_array();
	go_on(r);
}

/* --- trust --- */

/* The named certificate's whole hash: of 64 digits it needn't be here. Empty: failed. */
static struct slice
hash_of(struct control_request *r, struct finding *f)
{
	uint8_t *hash = arena_alloc(&r->arena, SCHEMA_SHA256);
	unsigned octet;

	if (f->n)
		return f->row[0].sha256;
	for (size_t i = 0; f->name.n == 2 * SCHEMA_SHA256 && i < SCHEMA_SHA256; i++) {
		if (sscanf((const char *)f->name.p + 2 * i, "%2x", &octet) != 1)
			break;
		hash[i] = (uint8_t)octet;
		if (i + 1 == SCHEMA_SHA256)
			return slice_of(hash, SCHEMA_SHA256);
	}
	control_fail(r, EX_NOUSER,
		"no such certificate here: give all 64 digits of its SHA-256, or the file");
	return SLICE_EMPTY;
}

static void
put_trust(struct control_request *r, struct slice sha256, const Commands__Trust *record)
{
	Commands__TrustPut *put = arena_alloc(&r->arena, sizeof *put);

	commands__trust_put__init(put);
	put->sha256 = codec_bytes(sha256);
	put->record = (Commands__Trust *)(uintptr_t)record;
	r->command.body_case = COMMANDS__COMMAND__BODY_TRUST_PUT;
	r->command.trust_put = put;
	r->done = json_object();
	json_object_set_new(r->done, "sha256", control_cert_hex(sha256, SIZE_MAX));
	control_propose(r);
}

static Commands__Trust *
new_trust(struct control_request *r)
{
	Commands__Trust *trust = arena_alloc(&r->arena, sizeof *trust);
	const char *comment = control_text(r, "comment");

	commands__trust__init(trust);
	if (comment)
		trust->comment = (char *)(uintptr_t)comment;
	return trust;
}

static void
cert_block(struct control_request *r)
{
	Commands__Trust *trust = new_trust(r);
	struct finding *f = find(r, true);
	struct slice sha256 = f ? hash_of(r, f) : SLICE_EMPTY;

	if (!sha256.n)
		return;
	trust->blocked = true;
	put_trust(r, sha256, trust);
}

static void
cert_untrust(struct control_request *r)
{
	struct finding *f = find_one(r, true);

	if (f)
		put_trust(r, f->row[0].sha256, NULL);
}

/* A certificate from a file, or one that is here. */
static void
cert_trust(struct control_request *r)
{
	Commands__Trust *trust = new_trust(r);
	struct slice der = SLICE_EMPTY;
	struct cert_info info;
	struct finding *f;
	size_t n;

	if (!control_cert_octets(r, "certificates", &der, 1, &n))
		return;
	if (!n) {
		f = find_one(r, false);
		if (!f)
			return;
		der = codec_slice(f->row[0].cert->der);
	}
	if (cert_info_read(der, &r->arena, &info)) {
		control_fail(r, EX_DATAERR, "not a certificate");
		return;
	}
	if (pgp_info_is(der)) {
		control_fail(r, EX_DATAERR,
			"no authority stands behind an OpenPGP key: to believe it, say "
			"`hairpin "
			"cert add FILE`, or of one that is here `hairpin cert approve SHA256`");
		return;
	}
	trust->anchor = codec_bytes(der);
	put_trust(r, slice_of(info.sha256, sizeof info.sha256), trust);
}

const struct control_verb control_cert_verbs[] = {
	{"cert add", cert_add},
	{"cert list", cert_list},
	{"cert show", cert_show},
	{"cert approve", cert_approve},
	{"cert delete", cert_delete},
	{"cert block", cert_block},
	{"cert trust", cert_trust},
	{"cert untrust", cert_untrust},
	{NULL, NULL},
};

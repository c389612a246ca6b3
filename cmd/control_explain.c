/* control_explain: `policy explain`: what would become of a mail from one address to another,
 * by the very structure that decides, and with which certificates and keys. */
#include <sysexits.h>
#include <time.h>

#include "cmd/control_policy.h"
#include "cmd/status_text.h"
#include "core/codec.h"
#include "core/mail_addr.h"
#include "crypto/cert_check.h"
#include "crypto/gateway_pgp.h"
#include "crypto/gateway_plan.h"
#include "crypto/pgp_info.h"
#include "crypto/seal.h"
#include "crypto/smime_seal.h"
#include "store/view_cert.h"
#include "store/view_directory.h"
#include "store/view_key.h"
#include "store/view_trust.h"

enum { HEX = 2 * SEAL_HASH + 1, KEYS_MAX = 3 * VIEW_KEY_MAX };

struct explaining {
	struct control_request *r;
	struct db_txn *txn;
	struct arena *a;
	struct slice from, to; /* canonical; from may be the null path */
	bool is_inward;
	uint64_t now_sec;
	struct policy_side side[2];
	struct policy_decision d;
	const struct view_key *signs; /* NULL: none */
	/* Outward the sender's, inward the recipient's, as they are tried. */
	struct view_key key[KEYS_MAX];
	size_t keys;
	struct view_certs usable; /* outward: what mail is encrypted to, the best first */
	const struct view_cert *trusted; /* of these, for what must be encrypted; NULL: none */
	bool has_unusable;
};

static void
put_hex(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

/* --- settings --- */

static const char *
side_text(const struct policy_decision *d, enum policy_name name)
{
	const struct policy_said *said = policy_decided(d, name);

	/* What is for all is nobody's. */
	if (!policy_is_specific(said->level))
		return "all";
	return d->by[name] == POLICY_BOTH      ? "both"
	       : d->by[name] == POLICY_SENDERS ? "sender"
					       : "recipient";
}

static void
add_other(struct explaining *x, json_t *list, enum policy_name name, const char *side,
	const struct policy_level *level)
{
	struct slice value = control_policy_value(name, &level->value[name], x->a);
	const char *who = policy_is_specific(level) ? side : "all";
	struct buf text;

	buf_init(&text, 2 * POLICY_VALUE_MAX);
	buf_printf(&text, "%s %.*s: %.*s", who, SLICE_FMT(control_policy_of(level)),
		SLICE_FMT(value));
	json_array_append_new(list, control_json(buf_slice(&text)));
	buf_fini(&text);
}

/* What was said, and doesn't hold. */
static json_t *
others(struct explaining *x, enum policy_name name)
{
	const struct policy_level *holds = policy_decided(&x->d, name)->level, *level;
	enum policy_whose whose = policy_settings[name].whose;
	json_t *list = json_array();

	for (int i = 0; i < 2; i++) {
		if (whose != POLICY_BOTH && (whose == POLICY_RECIPIENTS) != i)
			continue;
		for (size_t j = 0; j < x->side[i].n; j++) {
			level = x->side[i].level[j];
			/* Both have the cluster's. */
			if (!level->text[name].n ||
				(holds && slice_eq(level->name, holds->name)) ||
				(i == 1 && whose == POLICY_BOTH && !level->name.n))
				continue;
			add_other(x, list, name, i ? "recipient" : "sender", level);
		}
	}
	return list;
}

static json_t *
settings_json(struct explaining *x)
{
	json_t *rows = json_array(), *row;

	for (enum policy_name i = 0; i < POLICY_COUNT; i++) {
		const struct policy_said *said = policy_decided(&x->d, i);

		row = json_object();
		json_object_set_new(row, "setting", json_string(policy_settings[i].name));
		json_object_set_new(row, "value",
			control_json(control_policy_value(i, &said->value, x->a)));
		json_object_set_new(row, "level", control_json(control_policy_of(said->level)));
		json_object_set_new(row, "of", json_string(side_text(&x->d, i)));
		json_object_set_new(row, "overruled", others(x, i));
		json_array_append_new(rows, row);
	}
	return rows;
}

/* --- certificates and keys --- */

static const char *
trust_text(uint32_t trust)
{
	static const char *const words[] = {
		"none", "harvested", "discovered", "verified", "manual"};

	return trust < sizeof words / sizeof *words ? words[trust] : "?";
}

/* NULL: it isn't revoked. */
static const char *
revoked_text(const struct explaining *x, struct slice der)
{
	struct view_status status = {.kind = VIEW_STATUS_UNKNOWN};
	char text[STATUS_TEXT_MAX + 4];
	uint8_t hash[SEAL_HASH];

	seal_sha256(der, hash);
	view_status_judge(x->txn, slice_of(hash, sizeof hash), x->now_sec, x->a, &status);
	if (status.kind != VIEW_STATUS_REVOKED)
		return NULL;
	memcpy(text, "no: ", 4);
	status_text(&status, text + 4);
	return arena_str(x->a, slice_str(text));
}

static Gateway__Settings__Methods
methods(const struct explaining *x)
{
	return (Gateway__Settings__Methods)policy_decided(&x->d, POLICY_METHODS)->value.number;
}

static bool
is_switched_off(const struct explaining *x, bool is_openpgp)
{
	return methods(x) == (is_openpgp ? GATEWAY__SETTINGS__METHODS__SMIME
					 : GATEWAY__SETTINGS__METHODS__OPENPGP);
}

static const char *
kind_text(ProtobufCBinaryData der)
{
	return pgp_info_is(codec_slice(der)) ? "openpgp" : "smime";
}

static const char *
fault_of_pgp(const struct explaining *x, struct slice octets, enum cert_check_use use)
{
	struct pgp_cert *cert = pgp_info_parse(octets);
	const char *fault = NULL;
	size_t key;

	if (use == CERT_CHECK_TO_ENCRYPT)
		fault = gateway_pgp_fault(cert, x->now_sec);
	else if (!cert || !pgp_valid_signer(cert, x->now_sec, &key))
		fault = "no: it has no key that may sign now";
	pgp_cert_free(cert);
	return fault;
}

/* As the engine looks at it (crypto/gateway_plan). NULL: nothing is wrong. */
static const char *
fault_of(const struct explaining *x, ProtobufCBinaryData der, enum cert_check_use use)
{
	struct cert_check_rules rules = {
		use, x->now_sec, policy_decided(&x->d, POLICY_RSA_BITS_MIN)->value.number};
	Gateway__Certificate c = GATEWAY__CERTIFICATE__INIT;
	const char *revoked;
	enum smime_problem problem;

	if (is_switched_off(x, pgp_info_is(codec_slice(der))))
		return "no: methods switches its kind off";
	if (pgp_info_is(codec_slice(der)))
		return fault_of_pgp(x, codec_slice(der), use);
	revoked = revoked_text(x, codec_slice(der));
	problem = cert_check_alone(codec_slice(der), &rules);
	if (revoked || problem)
		return revoked ? revoked : smime_problem_text(problem);
	c.der = der;
	return use == CERT_CHECK_TO_ENCRYPT && smime_seal_check(&c)
		       ? "its key can't be encrypted to"
		       : NULL;
}

static uint32_t
trust_min(const struct explaining *x)
{
	/* Its words begin behind "none". */
	return policy_decided(&x->d, POLICY_TRUST_MIN)->value.number + 1;
}

static enum err
find_usable(struct explaining *x)
{
	struct view_certs all = {NULL, 0};
	enum err e = view_cert_usable(x->txn, x->to, x->now_sec, x->a, &all);
	bool first = gateway_plan_is_openpgp_first(methods(x));
	size_t n = 0;

	/* Those of the preferred method before the others. */
	x->usable.list = arena_alloc(x->a, (all.n + 1) * sizeof *x->usable.list);
	for (size_t i = 0; i < 2 * all.n && !e; i++) {
		const struct view_cert *c = &all.list[i % all.n];

		if ((pgp_info_is(codec_slice(c->cert->der)) == first) == (i < all.n) &&
			!fault_of(x, c->cert->der, CERT_CHECK_TO_ENCRYPT))
			x->usable.list[n++] = *c;
	}
	x->usable.n = n;
	for (size_t i = 0; i < n && !x->trusted; i++)
		if (x->usable.list[i].cert->trust >= trust_min(x))
			x->trusted = &x->usable.list[i];
	return e;
}

static bool
is_usable(const struct explaining *x, struct slice sha256)
{
	for (size_t i = 0; i < x->usable.n; i++)
		if (slice_eq(x->usable.list[i].sha256, sha256))
			return true;
	return false;
}

static const char *
distrust_text(const struct explaining *x, bool is_openpgp)
{
	struct buf text;
	const char *out;

	buf_init(&text, POLICY_VALUE_MAX);
	buf_printf(&text, "%s: trust_min is %s; `hairpin cert approve` raises its trust%s",
		policy_decided(&x->d, POLICY_MODE)->value.number ==
				GATEWAY__SETTINGS__MODE__WHEN_POSSIBLE
			? "not if it must be encrypted"
			: "no",
		trust_text(trust_min(x)),
		is_openpgp ? "" : ", `hairpin cert trust` that of its authority");
	out = arena_str(x->a, buf_slice(&text));
	buf_fini(&text);
	return out;
}

static const char *
use_text(struct explaining *x, struct slice sha256, const Commands__Cert *cert)
{
	const char *fault = fault_of(x, cert->der, CERT_CHECK_TO_ENCRYPT);
	bool is_blocked = false;

	view_trust_is_blocked(x->txn, sha256, x->a, &is_blocked);
	if (is_blocked)
		return "no: it is blocked";
	if (cert->state == COMMANDS__CERT__STATE__PENDING && !is_usable(x, sha256))
		return "no: it waits for approval";
	if (cert->state == COMMANDS__CERT__STATE__OLD)
		return "no: another one took its place";
	if (cert->until_sec <= x->now_sec && !pgp_info_is(codec_slice(cert->der)))
		return "no: its time is over";
	if (cert->from_sec > x->now_sec)
		return "no: its time hasn't begun";
	if (fault)
		return fault;
	if (!is_usable(x, sha256))
		return "no";
	if (cert->trust < trust_min(x))
		return distrust_text(x, pgp_info_is(codec_slice(cert->der)));
	return slice_eq(x->usable.list[0].sha256, sha256) ? "yes, the best" : "yes";
}

struct listing {
	struct explaining *x;
	struct slice address;
	json_t *rows;
};

static bool
add_certificate(void *arg, struct slice sha256, Commands__Cert *cert)
{
	struct listing *l = arg;
	json_t *row = json_object();
	char hex[HEX];

	put_hex(sha256.p, sha256.n < SEAL_HASH ? sha256.n : SEAL_HASH, hex);
	json_object_set_new(row, "address", control_json(l->address));
	json_object_set_new(row, "sha256", json_string(hex));
	json_object_set_new(row, "kind", json_string(kind_text(cert->der)));
	json_object_set_new(row, "trust", json_string(trust_text(cert->trust)));
	json_object_set_new(row, "ends", json_integer((json_int_t)cert->until_sec));
	json_object_set_new(row, "used",
		json_string(l->x->is_inward ? "to verify" : use_text(l->x, sha256, cert)));
	json_array_append_new(l->rows, row);
	return true;
}

/* @example.com, of ann@example.com. */
static struct slice
at_domain(struct slice address)
{
	size_t at = address.n;

	while (at && address.p[at - 1] != '@')
		at--;
	return at ? slice_from(address, at - 1) : SLICE_EMPTY;
}

static enum err
certificates_json(struct explaining *x, struct slice address, json_t *rows)
{
	struct listing l = {x, address, rows};
	enum err e;

	if (!address.n)
		return ERR_OK;
	e = view_cert_each(x->txn, address, x->a, add_certificate, &l);
	l.address = at_domain(address);
	return e ? e : view_cert_each(x->txn, l.address, x->a, add_certificate, &l);
}

static enum err
add_keys_of(struct explaining *x, struct slice address, Commands__Key__Kind kind)
{
	struct view_keys found = {0};
	enum err e = view_key_of(x->txn, address, kind, x->a, &found);

	for (size_t i = 0; i < found.n && !e && x->keys < KEYS_MAX; i++)
		x->key[x->keys++] = found.list[i];
	return e;
}

static enum err
add_keys(struct explaining *x, struct slice address)
{
	bool first = gateway_plan_is_openpgp_first(methods(x));
	enum err e = add_keys_of(
		x, address, first ? COMMANDS__KEY__KIND__OPENPGP : COMMANDS__KEY__KIND__SMIME);

	return e ? e
		 : add_keys_of(x, address,
			   first ? COMMANDS__KEY__KIND__SMIME : COMMANDS__KEY__KIND__OPENPGP);
}

/* Of the address, of the one without the detail, and of its domain: as cmd/courier_question. */
static enum err
find_keys(struct explaining *x)
{
	struct slice address = x->is_inward ? x->to : x->from, name;
	struct policy_chain *chain = arena_alloc(x->a, sizeof *chain);
	enum err e = courier_policy_chain(x->r->courier, x->txn, address, x->a, chain);

	for (size_t i = 0; i < chain->n && !e; i++) {
		name = chain->name[i];
		if (slice_has(name, '@'))
			e = add_keys(x, name);
	}
	if (!e && address.n)
		e = add_keys(x, at_domain(address));
	for (size_t i = 0; i < x->keys && !x->is_inward && !x->signs && !e; i++)
		if (!x->key[i].key->old && x->key[i].key->n_certificate &&
			!fault_of(x, x->key[i].key->certificate[0], CERT_CHECK_TO_SIGN))
			x->signs = &x->key[i];
	return e;
}

static const char *
key_use(const struct explaining *x, const struct view_key *k)
{
	const char *fault;

	if (x->is_inward)
		return "opens";
	if (k == x->signs)
		return "signs";
	if (k->key->old)
		return "no: it is retired";
	if (!k->key->n_certificate)
		return "no: it has no certificate";
	fault = fault_of(x, k->key->certificate[0], CERT_CHECK_TO_SIGN);
	return fault ? fault : "no: another one signs";
}

static void
fingerprint_of(const Commands__Key *key, char hex[HEX])
{
	uint8_t hash[SEAL_HASH];

	if (key->n_certificate) {
		seal_sha256(codec_slice(key->certificate[0]), hash);
		put_hex(hash, sizeof hash, hex);
	} else {
		*hex = '\0';
	}
}

static json_t *
keys_json(const struct explaining *x)
{
	json_t *rows = json_array(), *row;
	char hex[HEX], id[20];

	for (size_t i = 0; i < x->keys; i++) {
		const Commands__Key *key = x->key[i].key;

		row = json_object();
		fingerprint_of(key, hex);
		snprintf(id, sizeof id, "%014llx", (unsigned long long)x->key[i].id);
		json_object_set_new(row, "id", json_string(id));
		json_object_set_new(row, "address", control_json(codec_slice(key->address)));
		json_object_set_new(row, "certificate", json_string(hex));
		json_object_set_new(row, "kind",
			json_string(key->kind == COMMANDS__KEY__KIND__OPENPGP ? "openpgp"
									      : "smime"));
		json_object_set_new(row, "created", json_integer((json_int_t)key->created_sec));
		json_object_set_new(row, "used", json_string(key_use(x, &x->key[i])));
		json_array_append_new(rows, row);
	}
	return rows;
}

/* --- in words --- */

static const char *
that_can(const struct explaining *x)
{
	if (x->usable.n)
		return " that is trusted enough";
	return x->has_unusable ? " that can be used" : "";
}

static void
say_without(const struct explaining *x, struct buf *out)
{
	struct slice keep = control_policy_value(
		POLICY_KEEP, &policy_decided(&x->d, POLICY_KEEP)->value, x->a);

	if (policy_decided(&x->d, POLICY_KEEP)->value.number)
		buf_printf(out,
			"waits for a certificate of %.*s%s, %.*s at most, then bounces; "
			"`hairpin cert add` brings one",
			SLICE_FMT(x->to), that_can(x), SLICE_FMT(keep));
	else
		buf_printf(out,
			"bounces, as there is no certificate of %.*s%s; `hairpin cert add` "
			"brings one",
			SLICE_FMT(x->to), that_can(x));
}

static void
say_to(const struct view_cert *c, struct buf *out)
{
	char hex[HEX];

	put_hex(c->sha256.p, SEAL_HASH, hex);
	buf_printf(out, "encrypted, to %s %s",
		pgp_info_is(codec_slice(c->cert->der)) ? "OpenPGP certificate" : "certificate",
		hex);
}

static void
say_encrypted(const struct explaining *x, struct buf *out)
{
	if (x->trusted)
		say_to(x->trusted, out);
	else
		say_without(x, out);
}

static void
say_when_possible(const struct explaining *x, struct buf *out)
{
	if (!x->usable.n)
		buf_printf(out,
			"leaves without encryption, as there is no certificate of %.*s%s",
			SLICE_FMT(x->to), that_can(x));
	else
		say_to(&x->usable.list[0], out);
	if (x->usable.n && x->trusted == &x->usable.list[0])
		return;
	buf_put_str(out, "; with a trigger: ");
	say_encrypted(x, out);
}

static void
say_outward(const struct explaining *x, struct buf *out)
{
	const struct policy_said *mode = policy_decided(&x->d, POLICY_MODE);

	switch ((Gateway__Settings__Mode)mode->value.number) {
	case GATEWAY__SETTINGS__MODE__NEVER:
		buf_put_str(out, "leaves without encryption; with a trigger: bounces, as "
				 "mode=never says no");
		break;
	case GATEWAY__SETTINGS__MODE__ON_TRIGGER:
		buf_put_str(out, "leaves without encryption; with a trigger: ");
		say_encrypted(x, out);
		break;
	case GATEWAY__SETTINGS__MODE__WHEN_POSSIBLE:
		say_when_possible(x, out);
		break;
	case GATEWAY__SETTINGS__MODE__MUST:
		say_encrypted(x, out);
		break;
	case _GATEWAY__SETTINGS__MODE_IS_INT_SIZE:
		break;
	}
}

static void
say_signed(const struct explaining *x, struct buf *out)
{
	static const char *const when[] = {
		"no: sign=never", "with a trigger", "if it is encrypted", "yes"};
	uint32_t sign = policy_decided(&x->d, POLICY_SIGN)->value.number;
	char hex[HEX];

	if (!x->signs) {
		buf_printf(out,
			"no: %.*s has no key with a valid certificate; `hairpin key create` or "
			"`hairpin key import` brings one",
			SLICE_FMT(x->from.n ? x->from : SLICE_LIT("<>")));
		return;
	}
	fingerprint_of(x->signs->key, hex);
	buf_put_str(out, when[sign]);
	if (sign)
		buf_printf(out, ", with the key of certificate %s", hex);
}

static void
say_inward(const struct explaining *x, struct buf *out)
{
	if (x->keys)
		buf_printf(out,
			"opened with the keys of %.*s if it is encrypted, verified if "
			"it is signed",
			SLICE_FMT(x->to));
	else
		buf_printf(out,
			"verified if it is signed; left as it is if it is encrypted: %.*s "
			"has no key",
			SLICE_FMT(x->to));
}

static void
set_words(const struct explaining *x, json_t *out, const char *name,
	void (*say)(const struct explaining *x, struct buf *out))
{
	struct buf text;

	buf_init(&text, 4 * POLICY_VALUE_MAX);
	say(x, &text);
	json_object_set_new(out, name, control_json(buf_slice(&text)));
	buf_fini(&text);
}

/* --- the whole --- */

static enum err
look(struct explaining *x)
{
	struct courier *c = x->r->courier;
	Commands__Domain *ours;
	enum err e = courier_policy_side(c, x->txn, x->from, x->a, &x->side[0]);

	if (!e)
		e = courier_policy_side(c, x->txn, x->to, x->a, &x->side[1]);
	if (e)
		return e;
	policy_decide(&x->side[0], &x->side[1], &x->d);
	x->is_inward = !view_directory_domain(
		x->txn, slice_from(at_domain(x->to), 1), x->a, &ours);
	if (!x->is_inward)
		e = find_usable(x);
	return e ? e : find_keys(x);
}

static enum err
answer(struct explaining *x, json_t *out)
{
	json_t *certificates = json_array();
	enum err e = certificates_json(x, x->is_inward ? x->from : x->to, certificates);

	x->has_unusable = json_array_size(certificates) > 0;
	json_object_set_new(out, "from", control_json(x->from.n ? x->from : SLICE_LIT("<>")));
	json_object_set_new(out, "to", control_json(x->to));
	json_object_set_new(out, "way", json_string(x->is_inward ? "in" : "out"));
	if (x->is_inward) {
		set_words(x, out, "mail", say_inward);
	} else {
		set_words(x, out, "mail", say_outward);
		set_words(x, out, "signed", say_signed);
	}
	json_object_set_new(out, "settings", settings_json(x));
	json_object_set_new(out, "certificates", certificates);
	json_object_set_new(out, "keys", keys_json(x));
	return e;
}

static bool
read_from(struct control_request *r, struct slice *from)
{
	const char *text = control_text(r, "from");

	*from = SLICE_EMPTY;
	if (text && !strcmp(text, "<>"))
		return true;
	*from = control_address(r, "from", false);
	return from->n > 0;
}

static void
policy_explain(struct control_request *r)
{
	struct explaining *x = arena_zalloc(&r->arena, sizeof *x);
	json_t *out;
	enum err e;

	x->r = r;
	x->a = &r->arena;
	x->now_sec = courier_now_sec(r->courier);
	if (!read_from(r, &x->from))
		return;
	x->to = control_address(r, "to", false);
	if (!x->to.n || !(x->txn = control_read(r)))
		return;
	out = json_object();
	e = look(x);
	if (!e)
		e = answer(x, out);
	view_end(r->courier->view);
	if (!e) {
		control_reply(r, out);
		return;
	}
	json_decref(out);
	control_policy_fail(r, e);
}

const struct control_verb control_explain_verbs[] = {
	{"policy explain", policy_explain},
	{NULL, NULL},
};

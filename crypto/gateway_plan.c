#include "crypto/gateway_plan.h"

#include "core/codec.h"
#include "core/mail_addr.h"
#include "crypto/cert_check.h"
#include "crypto/gateway_from.h"
#include "crypto/gateway_mime_pgp.h"
#include "crypto/gateway_pgp.h"
#include "crypto/pgp_info.h"
#include "crypto/policy_trigger.h"
#include "crypto/smime_open.h"
#include "crypto/smime_seal.h"

#define CURE "hairpin cert add FILE, or ask for a signed mail from that address"

const Gateway__Settings *
gateway_plan_settings(const struct gateway_work *w, size_t recipient)
{
	static const Gateway__Settings none = GATEWAY__SETTINGS__INIT;
	const Gateway__Settings *s = w->e->q->recipient[recipient]->settings;

	return s ? s : &none;
}

bool
gateway_plan_is_openpgp_first(Gateway__Settings__Methods methods)
{
	return methods == GATEWAY__SETTINGS__METHODS__OPENPGP_SMIME ||
	       methods == GATEWAY__SETTINGS__METHODS__OPENPGP;
}

static struct gateway_some
only(size_t recipient)
{
	return (struct gateway_some){{(uint32_t)recipient}, 1};
}

static struct slice
address_of(const struct gateway_work *w, size_t recipient)
{
	return codec_slice(w->e->q->recipient[recipient]->address);
}

/* --- what it is already --- */

static enum err
feed_open(void *arg, struct slice octets)
{
	return smime_open_feed(arg, octets);
}

static enum err
forget(void *arg, struct slice octets)
{
	(void)arg;
	(void)octets;
	return ERR_OK;
}

/* A type is said easily. Without a key all of it is read, up to that none opens it. */
static bool
is_enveloped(struct gateway_work *w, const struct gateway_mime *m)
{
	struct smime_open_setup setup = {.keys = w->e->keys, .to = {forget, NULL}};
	struct smime_opened facts;
	struct smime_open *o = smime_open_new(&setup);

	gateway_mime_decode(
		w->e->body, m->body, m->encoding, &(struct text_sink){feed_open, o});
	setup.n_key = smime_open_finish(o, &facts) == ERR_NOT_FOUND;
	smime_open_free(o);
	return setup.n_key;
}

static enum err
is_pgp(struct gateway_work *w, const struct gateway_mime *m, bool *is_it)
{
	struct gateway_mime_pgp where;
	enum err e = gateway_mime_pgp_find(w->e->body, m, &where);

	*is_it = false;
	if (!e)
		e = gateway_pgp_looks_encrypted(w->e->body, where.range, where.encoding, is_it);
	return e == ERR_SYNTAX ? ERR_OK : e;
}

static enum err
read_input(struct gateway_work *w, const struct gateway_head *h, enum gateway_plan_input *input)
{
	struct gateway_mime m;
	enum smime_kind kind = SMIME_UNKNOWN;
	bool is_it = false, is_pgp_kind;
	enum err e = ERR_OK;

	*input = GATEWAY_PLAN_PLAIN;
	gateway_mime_look(h, w->e->body, &m);
	is_pgp_kind = m.kind == GATEWAY_MIME_PGP_ENCRYPTED ||
		      (m.kind == GATEWAY_MIME_PGP_INLINE && !m.is_alternative);
	if (m.kind == GATEWAY_MIME_SIGNED || m.kind == GATEWAY_MIME_PGP_SIGNED ||
		m.kind == GATEWAY_MIME_PGP_CLEARTEXT)
		*input = GATEWAY_PLAN_SIGNED;
	if (m.kind == GATEWAY_MIME_CMS)
		e = gateway_mime_cms(w->e->body, &m, &kind);
	if (is_pgp_kind)
		e = is_pgp(w, &m, &is_it);
	if (kind == SMIME_SIGNED)
		*input = GATEWAY_PLAN_SIGNED;
	if (kind == SMIME_ENVELOPED || kind == SMIME_AUTH_ENVELOPED)
		is_it = is_enveloped(w, &m);
	if (is_it)
		*input = GATEWAY_PLAN_ENCRYPTED;
	if (*input == GATEWAY_PLAN_ENCRYPTED)
		gateway_answer_fact(w, NULL, "it is encrypted already: left as it is");
	else if (*input == GATEWAY_PLAN_SIGNED)
		gateway_answer_fact(w, NULL, "it is signed already: not signed again");
	else if (kind != SMIME_UNKNOWN || is_pgp_kind)
		gateway_answer_fact(w, NULL, "it says encrypted, and isn't");
	return e;
}

/* --- triggers --- */

static enum policy_trigger_found
cut_subject(struct slice pattern, struct gateway_head *h)
{
	enum policy_trigger_found all = POLICY_TRIGGER_NO, found;
	struct buf without;

	for (size_t i = 0; (i = gateway_head_find(h, SLICE_LIT("Subject"), i)) < h->n; i++) {
		buf_init(&without, 4 * h->field[i].body.n + 4096);
		found = policy_trigger_subject(pattern, h->field[i].body, &without);
		if (found == POLICY_TRIGGER_YES && !without.overflow && without.n)
			gateway_head_set(h, i, buf_slice(&without));
		if (found != POLICY_TRIGGER_NO && all != POLICY_TRIGGER_YES)
			all = found;
		buf_fini(&without);
	}
	return all;
}

static void
read_triggers(struct gateway_work *w, struct slice raw, struct gateway_plan_variant *v)
{
	const Gateway__Settings *s = v->settings;
	enum policy_trigger_found subject, header, sign;

	subject = cut_subject(slice_str(s->subject_trigger), &v->head);
	sign = cut_subject(slice_str(s->sign_trigger), &v->head);
	header = policy_trigger_header(slice_str(s->header_trigger), raw);
	v->asks_signature = sign != POLICY_TRIGGER_NO;
	if (subject != POLICY_TRIGGER_NO)
		v->why_encrypt = "the subject asks for it";
	else if (header != POLICY_TRIGGER_NO)
		v->why_encrypt = "its header asks for it";
	if (subject == POLICY_TRIGGER_UNDECIDED || header == POLICY_TRIGGER_UNDECIDED)
		v->why_encrypt = "a trigger took too long to decide";
	if (v->why_encrypt)
		gateway_answer_fact(w, NULL, "trigger: encrypt, since %s", v->why_encrypt);
	if (v->asks_signature)
		gateway_answer_fact(w, NULL, "trigger: sign, since the subject asks for it");
}

static bool
same_triggers(const Gateway__Settings *a, const Gateway__Settings *b)
{
	return !strcmp(a->subject_trigger, b->subject_trigger) &&
	       !strcmp(a->header_trigger, b->header_trigger) &&
	       !strcmp(a->sign_trigger, b->sign_trigger);
}

static size_t
variant_of(struct gateway_plan *p, struct slice raw, const struct gateway_head *head, size_t i)
{
	const Gateway__Settings *s = gateway_plan_settings(p->w, i);
	struct gateway_plan_variant *v;

	for (size_t n = 0; n < p->variants; n++)
		if (same_triggers(p->variant[n].settings, s))
			return n;
	v = &p->variant[p->variants];
	*v = (struct gateway_plan_variant){.settings = s};
	gateway_head_copy(head, &v->head);
	read_triggers(p->w, raw, v);
	return p->variants++;
}

/* --- encrypted? --- */

static const char *
mode_text(Gateway__Settings__Mode mode)
{
	static const char *const texts[] = {"never", "on-trigger", "when-possible", "must"};

	return (unsigned)mode < 4 ? texts[mode] : "must";
}

/* Why it must; NULL: it needn't. */
static const char *
why_must(const struct gateway_plan *p, size_t i)
{
	const Gateway__Settings *s = gateway_plan_settings(p->w, i);

	if (p->w->e->q->answers_decrypted && s->replies_must)
		return "it answers a mail that was decrypted here";
	if (p->variant[p->one[i].variant].why_encrypt)
		return p->variant[p->one[i].variant].why_encrypt;
	return s->mode >= GATEWAY__SETTINGS__MODE__MUST ? "the mode is must" : NULL;
}

static bool
is_blocked(const struct gateway_work *w, const Gateway__Certificate *c)
{
	const Gateway__Question *q = w->e->q;
	uint8_t hash[32];

	gateway_answer_hash(codec_slice(c->der), hash);
	for (size_t i = 0; i < q->n_verdict; i++)
		if (q->verdict[i]->blocked && slice_eq(codec_slice(q->verdict[i]->sha256),
						      slice_of(hash, sizeof hash)))
			return true;
	return false;
}

/* What is wrong with it; NULL: it can be encrypted to. */
static const char *
fault_of(struct gateway_plan *p, size_t i, const Gateway__Certificate *c)
{
	const struct gateway_work *w = p->w;
	struct cert_check_rules rules = {CERT_CHECK_TO_ENCRYPT, w->e->q->now_sec,
		gateway_plan_settings(w, i)->rsa_bits_min};
	enum smime_problem problem;

	if (is_blocked(w, c))
		return "the certificate is blocked";
	if (pgp_info_is(codec_slice(c->der)))
		return gateway_pgp_fault(
			gateway_pgp_cert(&p->certs, codec_slice(c->der)), rules.now_sec);
	problem = cert_check_alone(codec_slice(c->der), &rules);
	if (problem == SMIME_PROBLEM_PURPOSE)
		return "the certificate isn't for encrypting mail";
	if (problem != SMIME_PROBLEM_NONE)
		return smime_problem_text(problem);
	return smime_seal_check(c) ? "the certificate has a key that can't be encrypted to"
				   : NULL;
}

static const char *
trust_text(Gateway__Trust trust)
{
	static const char *const texts[] = {
		"unknown", "harvested", "discovered", "verified", "manual"};

	return (unsigned)trust < 5 ? texts[trust] : texts[0];
}

/* Why it isn't trusted enough for what must be encrypted; NULL: it is. */
static const char *
distrust_of(struct gateway_work *w, size_t i, const Gateway__Certificate *c)
{
	Gateway__Trust min = gateway_plan_settings(w, i)->trust_min;
	char print[GATEWAY_ANSWER_PRINT];

	if (c->trust >= min)
		return NULL;
	return gateway_answer_text(w,
		"certificate %s is %s, and trust_min is %s; if its owner confirms it say "
		"hairpin cert approve%s",
		gateway_answer_print(codec_slice(c->der), print), trust_text(c->trust),
		trust_text(min),
		pgp_info_is(codec_slice(c->der)) ? ""
						 : ", or hairpin cert trust of its authority");
}

/* The best one of a method that can be used; *why: what is wrong with the last of the
 * others. */
static Gateway__Certificate *
usable_by(struct gateway_plan *p, size_t i, bool is_openpgp, bool must, const char **why)
{
	const Gateway__Party *to = p->w->e->q->recipient[i];

	for (size_t n = 0; n < to->n_certificate; n++) {
		const char *fault;

		if (pgp_info_is(codec_slice(to->certificate[n]->der)) != is_openpgp)
			continue;
		fault = fault_of(p, i, to->certificate[n]);
		if (!fault && must)
			fault = distrust_of(p->w, i, to->certificate[n]);
		if (!fault)
			return to->certificate[n];
		*why = fault;
	}
	return NULL;
}

/* The first method that there is a certificate for. */
static Gateway__Certificate *
usable(struct gateway_plan *p, size_t i, bool must, const char **why)
{
	Gateway__Settings__Methods methods = gateway_plan_settings(p->w, i)->methods;
	bool first = gateway_plan_is_openpgp_first(methods);
	bool is_alone = methods == GATEWAY__SETTINGS__METHODS__SMIME ||
			methods == GATEWAY__SETTINGS__METHODS__OPENPGP;
	Gateway__Certificate *c;

	*why = NULL;
	c = usable_by(p, i, first, must, why);
	return c || is_alone ? c : usable_by(p, i, !first, must, why);
}

static void
take_certificate(struct gateway_plan *p, size_t i, Gateway__Certificate *c, const char *why)
{
	struct gateway_some some = only(i);
	struct gateway_plan_one *one = &p->one[i];
	char print[GATEWAY_ANSWER_PRINT];

	one->certificate = c;
	one->is_openpgp = pgp_info_is(codec_slice(c->der));
	if (!one->is_openpgp)
		one->cipher = smime_seal_cipher(&c, 1, gateway_plan_settings(p->w, i)->cipher);
	gateway_answer_fact(p->w, &some, "%.*s: to be encrypted (%s), %s %s, trust %s",
		SLICE_FMT(address_of(p->w, i)), why,
		one->is_openpgp ? "OpenPGP certificate" : "certificate",
		gateway_answer_print(codec_slice(c->der), print), trust_text(c->trust));
}

static void
cannot(struct gateway_plan *p, size_t i, const char *must, const char *why)
{
	const Gateway__Settings *s = gateway_plan_settings(p->w, i);
	struct slice address = address_of(p->w, i);
	struct gateway_plan_one *one = &p->one[i];
	struct gateway_some some = only(i);

	if (why)
		one->words = gateway_answer_text(p->w,
			"it must be encrypted, since %s, but of what is known for %.*s: "
			"%s; " CURE,
			must, SLICE_FMT(address), why);
	else
		one->words = gateway_answer_text(p->w,
			"it must be encrypted, since %s, but no certificate for %.*s is "
			"known: " CURE,
			must, SLICE_FMT(address));
	one->fate = s->keep_sec ? GATEWAY_PLAN_WAIT : GATEWAY_PLAN_BOUNCE;
	gateway_answer_fact(p->w, &some, "%.*s: %s: %s (%s)", SLICE_FMT(address),
		one->fate == GATEWAY_PLAN_WAIT ? "waits" : "bounces",
		why ? why : "no certificate is known", must);
}

static void
contradict(struct gateway_plan *p, size_t i, const char *must)
{
	struct slice address = address_of(p->w, i);
	struct gateway_some some = only(i);

	p->one[i].fate = GATEWAY_PLAN_BOUNCE;
	p->one[i].words = gateway_answer_text(p->w,
		"it should be encrypted, since %s, but the policy for %.*s is never to "
		"encrypt: "
		"send it without that, or change the mode (hairpin policy explain)",
		must, SLICE_FMT(address));
	gateway_answer_fact(p->w, &some, "%.*s: bounces: the mode is never, but %s",
		SLICE_FMT(address), must);
}

/* NULL: nothing is known of it. */
static const char *
missing_of(const struct gateway_plan *p, size_t i)
{
	const char *missing = p->w->e->q->recipient[i]->missing;

	return *missing ? missing : NULL;
}

static void
plan_encryption(struct gateway_plan *p, size_t i)
{
	const Gateway__Settings *s = gateway_plan_settings(p->w, i);
	struct gateway_plan_one *one = &p->one[i];
	const char *must = why_must(p, i), *why;
	struct gateway_some some = only(i);
	Gateway__Certificate *c;
	bool is_answer = p->w->e->q->answers_decrypted && s->replies_must;

	if (p->input == GATEWAY_PLAN_ENCRYPTED)
		return;
	if (must && s->mode == GATEWAY__SETTINGS__MODE__NEVER && !is_answer) {
		contradict(p, i, must);
		return;
	}
	one->must = must != NULL;
	if (!must && s->mode != GATEWAY__SETTINGS__MODE__WHEN_POSSIBLE) {
		gateway_answer_fact(p->w, &some, "%.*s: not encrypted: the mode is %s",
			SLICE_FMT(address_of(p->w, i)), mode_text(s->mode));
		return;
	}
	c = usable(p, i, must != NULL, &why);
	if (c)
		take_certificate(p, i, c, must ? must : "the mode is when-possible");
	else if (must)
		cannot(p, i, must, why ? why : missing_of(p, i));
	else
		gateway_answer_fact(p->w, &some,
			"%.*s: not encrypted: the mode is when-possible, and %s",
			SLICE_FMT(address_of(p->w, i)),
			why		   ? why
			: missing_of(p, i) ? missing_of(p, i)
					   : "no certificate is known");
}

static void
plan_signature(struct gateway_plan *p, size_t i)
{
	const Gateway__Settings *s = gateway_plan_settings(p->w, i);
	struct gateway_plan_one *one = &p->one[i];
	bool asked = p->variant[one->variant].asks_signature;

	one->opaque = s->opaque;
	one->pss = s->rsa_pss;
	if (!one->certificate)
		one->is_openpgp = gateway_plan_is_openpgp_first(s->methods);
	if (p->input != GATEWAY_PLAN_PLAIN || one->fate != GATEWAY_PLAN_PASS)
		return;
	one->sign = s->sign == GATEWAY__SETTINGS__SIGN__SIGN_ALWAYS ||
		    (s->sign == GATEWAY__SETTINGS__SIGN__SIGN_WHEN_ENCRYPTED &&
			    (asked || one->certificate)) ||
		    (s->sign == GATEWAY__SETTINGS__SIGN__SIGN_ON_TRIGGER && asked);
}

/* Is it to be a ciphertext of its own? */
static bool
is_alone(const struct gateway_plan *p, const struct gateway_head *h, size_t i)
{
	struct slice canonical;
	struct arena a;
	bool alone;

	arena_init(&a, 0);
	alone = mail_addr_canonical_text(address_of(p->w, i), &a, &canonical) ||
		!gateway_from_is_named(h, canonical, &a);
	arena_reset(&a);
	return alone;
}

static enum err
raw_header(struct gateway_work *w, const struct gateway_head *h, struct slice *raw)
{
	struct buf out;
	struct text_sink to = text_into(&out);
	enum err e;

	buf_init(&out, 2 * GATEWAY_HEADER_MAX);
	e = gateway_head_write(h, GATEWAY_HEAD_ALL, &to);
	*raw = arena_dup(w->e->arena, buf_slice(&out));
	buf_fini(&out);
	return e;
}

enum err
gateway_plan_make(struct gateway_work *w, const struct gateway_head *original,
	const struct gateway_head *head, struct gateway_plan **plan)
{
	struct gateway_plan *p = arena_zalloc(w->e->arena, sizeof *p);
	struct slice raw;
	enum err e;

	p->w = w;
	gateway_pgp_init(&p->certs, w->e->arena, w->e->keys);
	e = read_input(w, head, &p->input);
	e = e ? e : raw_header(w, original, &raw);
	for (size_t i = 0; i < w->e->q->n_recipient && !e; i++) {
		p->one[i].variant = variant_of(p, raw, head, i);
		plan_encryption(p, i);
		plan_signature(p, i);
		p->one[i].alone = p->one[i].certificate && is_alone(p, head, i);
	}
	*plan = p;
	return e;
}

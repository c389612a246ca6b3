#include "crypto/policy.h"

#include <stdio.h>

#include "core/mail_addr.h"
#include "core/spelling.h"
#include "crypto/policy_trigger.h"

enum type { WORD, FLAG, TIME, NUMBER, PATTERN, FIELD_PATTERN };

#define MODES "never, on-trigger, when-possible or must"
#define SIGNS "never, on-trigger, when-encrypted or always"
#define CIPHERS "auto, aes128-cbc, aes256-cbc, aes128-gcm or aes256-gcm"
#define TRUSTS "harvested, discovered, verified or manual"
#define METHODS "smime openpgp, openpgp smime, smime or openpgp"
#define YES_NO "yes or no"
#define A_PATTERN "a regular expression like \\[encrypt\\], or none"

const struct policy_setting policy_settings[POLICY_COUNT] = {
	[POLICY_MODE] = {"mode", POLICY_BOTH, "when-possible", MODES,
		"when a mail is encrypted"},
	[POLICY_SIGN] = {"sign", POLICY_SENDERS, "always", SIGNS,
		"when a mail is signed, if the sender has a key"},
	[POLICY_CIPHER] = {"cipher", POLICY_BOTH, "auto", CIPHERS,
		"what a mail is encrypted with; auto: the best that all recipients announced"},
	[POLICY_OPAQUE] = {"opaque", POLICY_BOTH, "no", YES_NO,
		"sign in one piece, which no server on the way can spoil, and which only "
		"programs that know S/MIME can show"},
	[POLICY_SUBJECT_TRIGGER] = {"subject_trigger", POLICY_SENDERS, "\\[encrypt\\]",
		A_PATTERN, "what in the subject asks for encryption; it is taken out"},
	[POLICY_HEADER_TRIGGER] = {"header_trigger", POLICY_SENDERS, "none",
		"a field's name, a colon and a regular expression, like Sensitivity: "
		"confidential, or none",
		"what in a field of the header asks for encryption"},
	[POLICY_SIGN_TRIGGER] = {"sign_trigger", POLICY_SENDERS, "\\[sign\\]", A_PATTERN,
		"what in the subject asks for a signature; it is taken out"},
	[POLICY_TAG_SUBJECT] = {"tag_subject", POLICY_RECIPIENTS, "no", YES_NO,
		"say in the subject of a mail that came in what was found: [decrypted], "
		"[signed by ...]"},
	[POLICY_REPLIES_MUST] = {"replies_must", POLICY_SENDERS, "yes", YES_NO,
		"a reply to a mail that was decrypted here is encrypted, or doesn't leave"},
	[POLICY_KEEP] = {"keep", POLICY_BOTH, "5d", "a time like 5d (s, m, h, d), at most 90d",
		"how long a mail that must be encrypted waits for a certificate; 0: it "
		"bounces at once"},
	[POLICY_RSA_BITS_MIN] = {"rsa_bits_min", POLICY_BOTH, "2048",
		"a number from 1024 to 8192", "the shortest RSA key that counts"},
	[POLICY_HOLD_CHANGED_KEYS] = {"hold_changed_keys", POLICY_BOTH, "yes", YES_NO,
		"a new key of somebody whose key is known waits for approval"},
	[POLICY_TRUST_MIN] = {"trust_min", POLICY_RECIPIENTS, "verified", TRUSTS,
		"the least trust of a certificate for mail that must be encrypted; where plain "
		"would do, any is better"},
	[POLICY_RSA_SIGNATURE] = {"rsa_signature", POLICY_BOTH, "pkcs1", "pkcs1 or pss",
		"how RSA keys sign: pss is the younger way, which old programs can't verify"},
	[POLICY_METHODS] = {"methods", POLICY_BOTH, "smime openpgp", METHODS,
		"what mail is encrypted and signed with, in this order of preference; one "
		"alone switches the other off, for mail that comes in, too"},
	[POLICY_AUTOCRYPT] = {"autocrypt", POLICY_SENDERS, "no", YES_NO,
		"send the sender's OpenPGP key along in an Autocrypt field"},
};

static const char *const modes[] = {"never", "on-trigger", "when-possible", "must", NULL};
static const char *const signs[] = {"never", "on-trigger", "when-encrypted", "always", NULL};
static const char *const ciphers[] = {
	"auto", "aes128-cbc", "aes256-cbc", "aes128-gcm", "aes256-gcm", NULL};
static const char *const trusts[] = {"harvested", "discovered", "verified", "manual", NULL};
static const char *const rsa_signatures[] = {"pkcs1", "pss", NULL};
static const char *const methods[] = {
	"smime openpgp", "openpgp smime", "smime", "openpgp", NULL};
static const struct {
	enum type type;
	const char *const *words; /* in the order of gateway.proto: the strictest last */
	uint32_t min, max;
} types[POLICY_COUNT] = {
	[POLICY_MODE] = {WORD, modes, 0, 0},
	[POLICY_SIGN] = {WORD, signs, 0, 0},
	[POLICY_CIPHER] = {WORD, ciphers, 0, 0},
	[POLICY_OPAQUE] = {FLAG, NULL, 0, 0},
	[POLICY_SUBJECT_TRIGGER] = {PATTERN, NULL, 0, 0},
	[POLICY_HEADER_TRIGGER] = {FIELD_PATTERN, NULL, 0, 0},
	[POLICY_SIGN_TRIGGER] = {PATTERN, NULL, 0, 0},
	[POLICY_TAG_SUBJECT] = {FLAG, NULL, 0, 0},
	[POLICY_REPLIES_MUST] = {FLAG, NULL, 0, 0},
	[POLICY_KEEP] = {TIME, NULL, 0, POLICY_KEEP_MAX_SEC},
	[POLICY_RSA_BITS_MIN] = {NUMBER, NULL, 1024, 8192},
	[POLICY_HOLD_CHANGED_KEYS] = {FLAG, NULL, 0, 0},
	[POLICY_TRUST_MIN] = {WORD, trusts, 0, 0},
	[POLICY_RSA_SIGNATURE] = {WORD, rsa_signatures, 0, 0},
	[POLICY_METHODS] = {WORD, methods, 0, 0},
	[POLICY_AUTOCRYPT] = {FLAG, NULL, 0, 0},
};

/* --- names --- */

/* Of what a stranger typed; no control characters. */
static void
put_quoted(struct buf *why, struct slice text)
{
	enum { SHOWN = 60 };

	buf_put_u8(why, '`');
	for (size_t i = 0; i < text.n && i < SHOWN; i++)
		buf_put_u8(why, text.p[i] < ' ' || text.p[i] > '~' ? '?' : text.p[i]);
	buf_put_str(why, text.n > SHOWN ? "...`" : "`");
}

static unsigned
distance(struct slice text, const char *name)
{
	char copy[SPELLING_MAX + 1];

	snprintf(copy, sizeof copy, "%.*s", SLICE_FMT(slice_cut(text, 0, SPELLING_MAX)));
	/* The beginning of a long one is as good as the whole. */
	return strncmp(copy, name, strlen(copy)) ? spelling_distance(copy, name) : 0;
}

static enum policy_name
nearest(struct slice name)
{
	unsigned least = SPELLING_FAR + 1, d;
	enum policy_name best = POLICY_MODE;

	for (enum policy_name i = 0; i < POLICY_COUNT; i++) {
		d = distance(name, policy_settings[i].name);
		if (d < least) {
			least = d;
			best = i;
		}
	}
	return best;
}

enum policy_name
policy_find(struct slice name, struct buf *why)
{
	for (enum policy_name i = 0; i < POLICY_COUNT; i++)
		if (slice_eq(name, slice_str(policy_settings[i].name)))
			return i;
	buf_put_str(why, "there is no setting ");
	put_quoted(why, name);
	buf_printf(why, "; did you mean `%s`?", policy_settings[nearest(name)].name);
	return POLICY_COUNT;
}

/* --- values --- */

static bool
parse_word(enum policy_name name, struct slice text, uint32_t *out)
{
	for (uint32_t i = 0; types[name].words[i]; i++)
		if (slice_eq_nocase(text, slice_str(types[name].words[i]))) {
			*out = i;
			return true;
		}
	return false;
}

static bool
parse_flag(struct slice text, uint32_t *out)
{
	*out = slice_eq_nocase(text, SLICE_LIT("yes"));
	return *out || slice_eq_nocase(text, SLICE_LIT("no"));
}

static bool
parse_number(enum policy_name name, struct slice text, uint32_t *out)
{
	static const struct {
		char unit;
		uint32_t sec;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	uint32_t factor = 1;
	uint64_t v;

	for (size_t i = 0; types[name].type == TIME && i < sizeof units / sizeof *units; i++)
		if (text.n && text.p[text.n - 1] == units[i].unit) {
			factor = units[i].sec;
			text.n--;
			break;
		}
	if (!slice_u64(text, UINT32_MAX, &v) || v * factor < types[name].min ||
		v * factor > types[name].max)
		return false;
	*out = (uint32_t)(v * factor);
	return true;
}

static bool
parse_pattern(struct slice text, struct slice *out)
{
	*out = slice_eq_nocase(text, SLICE_LIT("none")) ? SLICE_EMPTY : text;
	return text.n <= POLICY_VALUE_MAX && !slice_has(text, '\0');
}

/* Does not look into a pattern. */
static bool
read_value(enum policy_name name, struct slice text, struct policy_value *value)
{
	*value = (struct policy_value){0};
	switch (types[name].type) {
	case PATTERN:
	case FIELD_PATTERN:
		return parse_pattern(text, &value->pattern);
	case WORD:
		return parse_word(name, text, &value->number);
	case FLAG:
		return parse_flag(text, &value->number);
	case TIME:
	case NUMBER:
		return parse_number(name, text, &value->number);
	}
	return false;
}

static bool
check_pattern(enum policy_name name, struct slice pattern, struct buf *why)
{
	size_t before = why->n;
	bool ok;

	buf_printf(why, "%s: ", policy_settings[name].name);
	ok = types[name].type == PATTERN ? policy_trigger_check(pattern, why)
					 : policy_trigger_check_field(pattern, why);
	if (ok)
		why->n = before;
	return ok;
}

bool
policy_parse(
	enum policy_name name, struct slice text, struct policy_value *value, struct buf *why)
{
	if (read_value(name, text, value))
		return !value->pattern.n || check_pattern(name, value->pattern, why);
	buf_printf(why, "%s: ", policy_settings[name].name);
	put_quoted(why, text);
	buf_printf(why, " won't do; expected %s", policy_settings[name].expected);
	return false;
}

bool
policy_put(
	struct policy_level *level, enum policy_name name, struct slice text, struct buf *why)
{
	struct policy_value value = {0};

	if (text.n && !policy_parse(name, text, &value, why))
		return false;
	level->value[name] = value;
	level->text[name] = text;
	return true;
}

bool
policy_load(struct policy_level *level, struct slice name, struct slice text)
{
	for (enum policy_name i = 0; i < POLICY_COUNT; i++)
		if (slice_eq(name, slice_str(policy_settings[i].name))) {
			level->text[i] = text;
			return text.n && read_value(i, text, &level->value[i]);
		}
	return false;
}

static void
put_time(uint32_t sec, struct buf *out)
{
	static const uint32_t factor[] = {86400, 3600, 60, 1};

	for (size_t i = 0; i < sizeof factor / sizeof *factor; i++)
		if (sec && sec % factor[i] == 0) {
			buf_printf(out, "%u%c", sec / factor[i], "dhms"[i]);
			return;
		}
	buf_put_u8(out, '0');
}

void
policy_format(enum policy_name name, const struct policy_value *value, struct buf *out)
{
	switch (types[name].type) {
	case PATTERN:
	case FIELD_PATTERN:
		buf_put_slice(out, value->pattern.n ? value->pattern : SLICE_LIT("none"));
		break;
	case WORD:
		buf_put_str(out, types[name].words[value->number]);
		break;
	case FLAG:
		buf_put_str(out, value->number ? "yes" : "no");
		break;
	case TIME:
		put_time(value->number, out);
		break;
	case NUMBER:
		buf_put_dec(out, value->number);
		break;
	}
}

/* --- levels --- */

struct slice
policy_level_text(struct slice name)
{
	return name.n ? name : SLICE_LIT("cluster");
}

bool
policy_is_specific(const struct policy_level *level)
{
	return level && level->name.n;
}

static bool
refuse_level(struct buf *why, struct slice text, const char *reason)
{
	put_quoted(why, text);
	buf_printf(why,
		" is no level: %s; a level is cluster, .example.com for all below that domain, "
		"example.com, or an address",
		reason);
	return false;
}

static bool
parse_domain_level(struct slice text, struct arena *a, struct slice *name, struct buf *why)
{
	bool is_below = text.p[0] == '.';
	struct slice domain;
	const char *bad = mail_addr_parse_domain(slice_from(text, is_below), a, &domain);
	uint8_t *p;

	if (bad)
		return refuse_level(why, text, bad);
	/* Whatever case it was typed in: no domain has one of these two names. */
	if (!is_below && slice_eq(domain, SLICE_LIT("factory")))
		return refuse_level(
			why, text, "what the factory says can't be changed, but overruled");
	if (!is_below && slice_eq(domain, SLICE_LIT("cluster")))
		domain = SLICE_EMPTY;
	p = arena_alloc(a, domain.n + 1);
	p[0] = '.';
	if (domain.n)
		memcpy(p + 1, domain.p, domain.n);
	*name = is_below ? slice_of(p, domain.n + 1) : domain;
	return true;
}

bool
policy_parse_level(struct slice text, struct arena *a, struct slice *name, struct buf *why)
{
	const char *bad;

	if (!text.n)
		return refuse_level(why, text, "it is empty");
	if (text.p[0] == '@')
		return refuse_level(why, text, "a domain stands without @");
	if (slice_starts(text, SLICE_LIT("*.")))
		return refuse_level(why, text, "all below a domain is written without *");
	if (!slice_has(text, '@'))
		return parse_domain_level(text, a, name, why);
	bad = mail_addr_canonical_text(text, a, name);
	return !bad || refuse_level(why, text, bad);
}

/* --- chains --- */

static struct slice
lower(struct slice s, struct arena *a)
{
	uint8_t *p = arena_alloc(a, s.n);

	for (size_t i = 0; i < s.n; i++)
		p[i] = slice_lower(s.p[i]);
	return slice_of(p, s.n);
}

static struct slice
canonical(struct slice address, struct arena *a)
{
	struct slice form;

	if (mail_addr_canonical_text(address, a, &form) &&
		mail_addr_foreign_text(address, a, &form))
		return lower(address, a);
	return form;
}

static void
add(struct policy_chain *c, struct slice name)
{
	if (c->n < POLICY_LEVELS_MAX)
		c->name[c->n++] = name;
}

/* ann+x@example.com: ann@example.com. */
static void
add_base(struct policy_chain *c, struct slice address, size_t at, char delimiter,
	struct arena *a)
{
	struct slice base, detail;
	uint8_t *p;

	if (!delimiter || !mail_addr_split(slice_cut(address, 0, at), slice_of(&delimiter, 1),
				  &base, &detail))
		return;
	p = arena_alloc(a, address.n);
	memcpy(p, base.p, base.n);
	memcpy(p + base.n, address.p + at, address.n - at);
	add(c, slice_of(p, base.n + address.n - at));
}

void
policy_chain(struct slice address, char delimiter, struct arena *a, struct policy_chain *out)
{
	struct slice domain;
	size_t at;

	out->n = 0;
	if (address.n) {
		address = canonical(address, a);
		for (at = address.n; at && address.p[at - 1] != '@'; at--)
			;
		domain = slice_from(address, at);
		if (at) {
			add(out, address);
			add_base(out, address, at - 1, delimiter, a);
		}
		if (domain.n)
			add(out, domain);
		for (size_t dot = 1; dot < domain.n && domain.p[0] != '['; dot++)
			if (domain.p[dot] == '.' && out->n < POLICY_LEVELS_MAX - 1)
				add(out, slice_from(domain, dot));
	}
	add(out, SLICE_EMPTY);
}

/* --- decisions --- */

static struct policy_said
say(const struct policy_side *side, enum policy_name name)
{
	struct policy_said said = {0};

	for (size_t i = 0; i < side->n; i++)
		if (side->level[i]->text[name].n)
			return (struct policy_said){
				side->level[i], side->level[i]->value[name]};
	read_value(name, slice_str(policy_settings[name].preset), &said.value);
	return said;
}

/* For one of them beats for all; of two equals the stricter. */
static enum policy_whose
decide_both(const struct policy_said *s, const struct policy_said *r)
{
	bool of_sender = policy_is_specific(s->level);

	if (of_sender != policy_is_specific(r->level))
		return of_sender ? POLICY_SENDERS : POLICY_RECIPIENTS;
	if (s->value.number != r->value.number)
		return s->value.number > r->value.number ? POLICY_SENDERS : POLICY_RECIPIENTS;
	return POLICY_BOTH;
}

void
policy_decide(const struct policy_side *sender, const struct policy_side *recipient,
	struct policy_decision *out)
{
	out->of_sender = *sender;
	out->of_recipient = *recipient;
	for (enum policy_name i = 0; i < POLICY_COUNT; i++) {
		out->sender[i] = say(sender, i);
		out->recipient[i] = say(recipient, i);
		out->by[i] = policy_settings[i].whose;
		if (out->by[i] == POLICY_BOTH)
			out->by[i] = decide_both(&out->sender[i], &out->recipient[i]);
	}
}

const struct policy_said *
policy_decided(const struct policy_decision *d, enum policy_name name)
{
	return d->by[name] == POLICY_RECIPIENTS ? &d->recipient[name] : &d->sender[name];
}

void
policy_resolve(const struct policy_decision *d, struct arena *a, Gateway__Settings *out)
{
	const struct policy_value *v[POLICY_COUNT];

	for (enum policy_name i = 0; i < POLICY_COUNT; i++)
		v[i] = &policy_decided(d, i)->value;
	gateway__settings__init(out);
	out->mode = (Gateway__Settings__Mode)v[POLICY_MODE]->number;
	out->sign = (Gateway__Settings__Sign)v[POLICY_SIGN]->number;
	out->cipher = (Gateway__Settings__Cipher)v[POLICY_CIPHER]->number;
	out->opaque = v[POLICY_OPAQUE]->number != 0;
	out->subject_trigger = arena_str(a, v[POLICY_SUBJECT_TRIGGER]->pattern);
	out->header_trigger = arena_str(a, v[POLICY_HEADER_TRIGGER]->pattern);
	out->sign_trigger = arena_str(a, v[POLICY_SIGN_TRIGGER]->pattern);
	out->tag_subject = v[POLICY_TAG_SUBJECT]->number != 0;
	out->replies_must = v[POLICY_REPLIES_MUST]->number != 0;
	out->keep_sec = v[POLICY_KEEP]->number;
	out->rsa_bits_min = v[POLICY_RSA_BITS_MIN]->number;
	out->hold_changed_keys = v[POLICY_HOLD_CHANGED_KEYS]->number != 0;
	out->rsa_pss = v[POLICY_RSA_SIGNATURE]->number != 0;
	/* No setting is for "none". */
	out->trust_min = (Gateway__Trust)(v[POLICY_TRUST_MIN]->number + 1);
	out->methods = (Gateway__Settings__Methods)v[POLICY_METHODS]->number;
	out->autocrypt = v[POLICY_AUTOCRYPT]->number != 0;
}

#include "crypto/sasl.h"

#include "crypto/saslprep.h"
#include "crypto/scram.h"
#include "crypto/seal.h"

enum state {
	WANT_FIRST,    /* the client's first message */
	WANT_PASSWORD, /* LOGIN: the user has come */
	ASKED,
	WANT_FINAL,   /* SCRAM */
	WANT_NOTHING, /* SCRAM: the answer to the server's last message is empty */
	OVER
};

static const char *const names[] = {
	"", "PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"};
enum { NAMES = sizeof names / sizeof *names };

enum sasl_mechanism
sasl_find(struct slice name)
{
	for (size_t i = 1; i < NAMES; i++)
		if (slice_eq_nocase(name, slice_str(names[i])))
			return (enum sasl_mechanism)i;
	return SASL_NONE;
}

const char *
sasl_name(enum sasl_mechanism m)
{
	return (size_t)m < NAMES ? names[m] : "";
}

void
sasl_init(struct sasl *s, enum sasl_mechanism m, unsigned bindings)
{
	*s = (struct sasl){.mechanism = m, .bindings = bindings & ~(1u << TLS_BINDING_NONE)};
	buf_init(&s->message, SASL_MESSAGE_MAX + 8);
	buf_init(&s->user, SASLPREP_MAX);
}

void
sasl_fini(struct sasl *s)
{
	buf_fini_secret(&s->message);
	buf_fini(&s->user);
	s->question = (struct sasl_question){0};
	s->state = OVER;
}

static enum sasl_verdict
over(struct sasl *s, enum sasl_verdict verdict)
{
	s->state = OVER;
	return verdict;
}

static enum sasl_verdict
ask(struct sasl *s, struct slice message)
{
	s->question.user = buf_slice(&s->user);
	s->question.message = message;
	s->state = ASKED;
	return SASL_ASK;
}

/* The name in its one spelling; a name that can't be prepared is nobody's. */
static bool
take_user(struct sasl *s, struct slice raw)
{
	buf_clear(&s->user);
	return raw.n && !saslprep(raw, SASLPREP_QUERY, &s->user) && s->user.n;
}

/* RFC 4616: acting for somebody else isn't offered: an authorization identity must be one's
 * own. */
static bool
is_own(const struct sasl *s, struct slice authzid)
{
	struct buf prepared;
	bool own;

	if (authzid.n == 0)
		return true;
	buf_init(&prepared, SASLPREP_MAX);
	own = !saslprep(authzid, SASLPREP_QUERY, &prepared) &&
	      slice_eq(buf_slice(&prepared), buf_slice(&s->user));
	buf_fini(&prepared);
	return own;
}

/* message = [authzid] NUL authcid NUL passwd */
static enum sasl_verdict
plain(struct sasl *s, struct slice m)
{
	size_t at = slice_find(m, 0), end;
	struct slice authzid = slice_cut(m, 0, at), user, password;

	if (at == m.n)
		return over(s, SASL_MALFORMED);
	m = slice_from(m, at + 1);
	end = slice_find(m, 0);
	if (end == m.n)
		return over(s, SASL_MALFORMED);
	user = slice_cut(m, 0, end);
	password = slice_from(m, end + 1);
	if (slice_has(password, 0) || password.n == 0)
		return over(s, SASL_MALFORMED);
	if (!take_user(s, user) || !is_own(s, authzid))
		return over(s, SASL_REFUSED);
	return ask(s, password);
}

static enum sasl_verdict
login_user(struct sasl *s, struct slice m, struct buf *challenge)
{
	if (!take_user(s, m))
		return over(s, SASL_REFUSED);
	seal_b64(SLICE_LIT("Password:"), challenge);
	s->state = WANT_PASSWORD;
	return SASL_CHALLENGE;
}

static enum tls_binding
binding_of(struct slice name)
{
	if (slice_eq(name, SLICE_LIT("tls-exporter")))
		return TLS_BINDING_EXPORTER;
	if (slice_eq(name, SLICE_LIT("tls-server-end-point")))
		return TLS_BINDING_SERVER_END_POINT;
	return TLS_BINDING_NONE;
}

/* RFC 5802 section 6. */
static enum sasl_verdict
check_channel(struct sasl *s, const struct scram_first *first)
{
	bool plus = s->mechanism == SASL_SCRAM_SHA_256_PLUS;

	if ((first->flag == 'p') != plus)
		return SASL_MALFORMED;
	/* "y": the client could bind, and thinks that we can't. If we offered it, somebody in
	 * the middle took it from our list. */
	if (first->flag == 'y' && s->bindings)
		return SASL_REFUSED;
	if (!plus)
		return SASL_ASK;
	s->question.binding = binding_of(first->binding);
	if (!(s->bindings >> s->question.binding & 1))
		return SASL_REFUSED;
	return SASL_ASK;
}

static enum sasl_verdict
scram_first(struct sasl *s, struct slice m)
{
	struct scram_first first;
	struct buf user, authzid;
	enum sasl_verdict v = SASL_MALFORMED;

	if (scram_parse_first(m, &first))
		return over(s, SASL_MALFORMED);
	buf_init(&user, SASLPREP_MAX);
	buf_init(&authzid, SASLPREP_MAX);
	if (!scram_name(first.user, &user) && !scram_name(first.authzid, &authzid))
		v = check_channel(s, &first);
	if (v == SASL_ASK &&
		(!take_user(s, buf_slice(&user)) || !is_own(s, buf_slice(&authzid))))
		v = SASL_REFUSED;
	buf_fini(&user);
	buf_fini(&authzid);
	return v == SASL_ASK ? ask(s, m) : over(s, v);
}

static enum sasl_verdict
first(struct sasl *s, struct slice m, struct buf *challenge)
{
	switch (s->mechanism) {
	case SASL_PLAIN:
		return plain(s, m);
	case SASL_LOGIN:
		return login_user(s, m, challenge);
	case SASL_SCRAM_SHA_256:
	case SASL_SCRAM_SHA_256_PLUS:
		return scram_first(s, m);
	case SASL_NONE:
	default:
		return over(s, SASL_MALFORMED);
	}
}

static enum sasl_verdict
proceed(struct sasl *s, struct slice m, struct buf *challenge)
{
	switch (s->state) {
	case WANT_FIRST:
		return first(s, m, challenge);
	case WANT_PASSWORD:
		if (m.n == 0 || slice_has(m, 0))
			return over(s, SASL_MALFORMED);
		return ask(s, m);
	case WANT_FINAL:
		s->question.step = 1;
		return ask(s, m);
	case WANT_NOTHING:
		return over(s, m.n ? SASL_MALFORMED : SASL_ACCEPTED);
	default:
		return over(s, SASL_MALFORMED);
	}
}

/* base64 goes into s->message, which the questions borrow from. */
static enum sasl_verdict
decode(struct sasl *s, struct slice base64, struct buf *challenge)
{
	buf_clear(&s->message);
	if (base64.n > SASL_LINE_MAX || seal_b64_open(base64, &s->message))
		return over(s, SASL_MALFORMED);
	return proceed(s, buf_slice(&s->message), challenge);
}

enum sasl_verdict
sasl_begin(struct sasl *s, const struct slice *initial, struct buf *challenge)
{
	buf_clear(challenge);
	if (s->mechanism == SASL_NONE)
		return over(s, SASL_MALFORMED);
	if (initial)
		return decode(s, slice_eq(*initial, SLICE_LIT("=")) ? SLICE_EMPTY : *initial,
			challenge);
	if (s->mechanism == SASL_LOGIN)
		seal_b64(SLICE_LIT("Username:"), challenge);
	return SASL_CHALLENGE;
}

enum sasl_verdict
sasl_step(struct sasl *s, struct slice line, struct buf *challenge)
{
	buf_clear(challenge);
	if (slice_eq(line, SLICE_LIT("*")))
		return over(s, SASL_CANCELLED);
	return decode(s, line, challenge);
}

enum sasl_verdict
sasl_answer(
	struct sasl *s, enum sasl_outcome outcome, struct slice message, struct buf *challenge)
{
	bool scram = s->mechanism == SASL_SCRAM_SHA_256 ||
		     s->mechanism == SASL_SCRAM_SHA_256_PLUS;
	bool may_continue = scram && s->question.step == 0;

	buf_clear(challenge);
	if (s->message.p)
		seal_wipe(s->message.p, s->message.n);
	if (s->state != ASKED || outcome == SASL_OUTCOME_REFUSED ||
		outcome == SASL_OUTCOME_THROTTLED ||
		(outcome == SASL_OUTCOME_CONTINUE) != may_continue)
		return over(s, SASL_REFUSED);
	if (!scram)
		return over(s, SASL_ACCEPTED);
	/* Neither SMTP nor IMAP can say anything beside success: the last message is a
	 * challenge. */
	s->state = may_continue ? WANT_FINAL : WANT_NOTHING;
	seal_b64(message, challenge);
	return SASL_CHALLENGE;
}

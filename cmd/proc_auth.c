/* auth: passwords, SCRAM, the throttle, LOGIN permits.
 *
 * Owns:     the key that seals verifiers (from keyd), the cache of successes, the counts of
 *           failures, SCRAM exchanges between their two messages.
 * Hears:    smtpd and imapd (AUTH_STEP), courier (AUTH_HASH).
 * Touches:  no file, no network. It keeps no verifier: whoever asks brings it sealed.
 *
 * Questions that come before keyd's answer wait. */
#include "cmd/proc.h"
#include "core/arena.h"
#include "core/clock.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "crypto/auth_verify.h"
#include "crypto/keyring.h"

enum { WAITING_MAX = 256, KEYD_MS = 5000, AGAIN_MS = 200 };

/* A question from before the key came. */
struct waiting {
	struct ipc_ticket ticket;
	uint32_t asker;
	struct slice packed;
};

struct auth {
	struct proc *p;
	struct auth_verify *verify; /* NULL until the key is here */
	struct arena arena;	    /* of those that wait */
	struct waiting waiting[WAITING_MAX];
	size_t waiting_n;
};

static struct slice
slice_in(ProtobufCBinaryData d)
{
	return slice_of(d.data, d.len);
}

static uint32_t
asker_of(const struct ipc_frame *f)
{
	return (uint32_t)ipc_peer_role(f->from) << 24 | (ipc_peer_instance(f->from) & 0xffffff);
}

/* The client's address for a log line. */
static void
put_address(struct slice a, struct buf *out)
{
	for (size_t i = 0; i < a.n; i++)
		if (a.n == 4)
			buf_printf(out, i ? ".%u" : "%u", a.p[i]);
		else
			buf_printf(out, i && i % 2 == 0 ? ":%02x" : "%02x", a.p[i]);
}

static void
log_outcome(const Ipc__AuthStep *q, const struct auth_verify_answer *a)
{
	struct buf address;

	if (a->is_damaged)
		log_error("the verifier of account %llu doesn't open: is the master key "
			  "another one?",
			(unsigned long long)q->account);
	if (a->outcome != SASL_OUTCOME_REFUSED && a->outcome != SASL_OUTCOME_THROTTLED)
		return;
	buf_init(&address, 64);
	put_address(slice_in(q->client_address), &address);
	log_info("login %s: user=<%.*s>, method=%s, service=%s, rip=%.*s",
		a->outcome == SASL_OUTCOME_THROTTLED ? "throttled" : "failed",
		SLICE_FMT(slice_cut(slice_in(q->user), 0, 320)),
		sasl_name((enum sasl_mechanism)q->mechanism), q->service,
		SLICE_FMT(buf_slice(&address)));
	buf_fini(&address);
}

static void
answer_step(struct auth *a, struct ipc_ticket t, uint32_t asker, const Ipc__AuthStep *q)
{
	struct auth_verify_question question = {.asker = asker,
		.session = q->session,
		.mechanism = q->mechanism,
		.step = q->step,
		.user = slice_in(q->user),
		.account = q->account,
		.verifier = slice_in(q->verifier),
		.message = slice_in(q->message),
		.channel_binding = slice_in(q->channel_binding),
		.client_address = slice_in(q->client_address),
		.now_sec = clock_wall_sec(),
		.now_ms = clock_ms()};
	struct auth_verify_answer answer;
	Ipc__AuthResult r = IPC__AUTH_RESULT__INIT;

	auth_verify_step(a->verify, &question, &answer);
	log_outcome(q, &answer);
	r.outcome = answer.outcome;
	r.delay_ms = answer.delay_ms;
	r.message = (ProtobufCBinaryData){answer.message.n, answer.message.p};
	if (answer.has_permit)
		r.permit = (ProtobufCBinaryData){sizeof answer.permit, answer.permit};
	ipc_answer(a->p->ipc, t, ERR_OK, &r.base);
	auth_verify_answer_fini(&answer);
}

static void
answer_hash(struct auth *a, struct ipc_ticket t, const Ipc__AuthHash *q)
{
	Ipc__AuthHashed r = IPC__AUTH_HASHED__INIT;
	struct buf verifier;
	enum err e;

	buf_init(&verifier, VERIFIER_SEALED_MAX);
	e = auth_verify_hash(a->verify, q->account, slice_in(q->password), &verifier);
	r.verifier = (ProtobufCBinaryData){verifier.n, verifier.p};
	ipc_answer(a->p->ipc, t, e, &r.base);
	buf_fini(&verifier);
}

static void
answer(struct auth *a, struct ipc_ticket t, uint32_t asker, const ProtobufCMessage *msg)
{
	if (t.type == IPC_AUTH_STEP)
		answer_step(a, t, asker, (const Ipc__AuthStep *)msg);
	else
		answer_hash(a, t, (const Ipc__AuthHash *)msg);
}

static void
on_question(void *arg, struct ipc_frame *f)
{
	struct auth *a = arg;
	struct waiting *w;
	uint8_t *to;

	if (a->verify) {
		answer(a, ipc_ticket(f), asker_of(f), f->msg);
		return;
	}
	if (a->waiting_n == WAITING_MAX) {
		ipc_answer(a->p->ipc, ipc_ticket(f), ERR_BUSY, NULL);
		return;
	}
	w = &a->waiting[a->waiting_n++];
	to = arena_alloc(&a->arena, protobuf_c_message_get_packed_size(f->msg));
	w->ticket = ipc_ticket(f);
	w->asker = asker_of(f);
	w->packed = slice_of(to, protobuf_c_message_pack(f->msg, to));
}

static void
answer_waiting(struct auth *a)
{
	for (size_t i = 0; i < a->waiting_n; i++) {
		struct waiting *w = &a->waiting[i];
		const ProtobufCMessageDescriptor *d = w->ticket.type == IPC_AUTH_STEP
							      ? &ipc__auth_step__descriptor
							      : &ipc__auth_hash__descriptor;
		ProtobufCMessage *msg = protobuf_c_message_unpack(
			d, NULL, w->packed.n, w->packed.p);

		must(msg != NULL);
		answer(a, w->ticket, w->asker, msg);
		protobuf_c_message_free_unpacked(msg, NULL);
		seal_wipe((void *)(uintptr_t)w->packed.p, w->packed.n);
	}
	a->waiting_n = 0;
	arena_reset(&a->arena);
}

static void
begin(struct auth *a, ProtobufCBinaryData key)
{
	const struct config *c = &a->p->config;
	struct auth_verify_settings s = {.cost = {{c->argon2_kib, c->argon2_passes}, c->scram,
						 PWHASH_ITERATIONS_DEFAULT},
		.throttle = {c->throttle, c->auth_failures, c->auth_window_sec}};
	enum err e;

	memcpy(s.verifier_key.b, key.data, sizeof s.verifier_key.b);
	memcpy(s.permit_key.b, a->p->permit_login_key, sizeof s.permit_key.b);
	e = auth_verify_new(&s, &a->verify);
	seal_wipe(&s, sizeof s);
	if (e)
		must_fatal("auth: argon2_memory_kib or argon2_passes can't be had: %s",
			err_text(e));
	answer_waiting(a);
}

static void ask_key(void *arg);

static void
on_key(void *arg, enum err e, const ProtobufCMessage *msg)
{
	struct auth *a = arg;
	const Ipc__KeydKey *key = (const Ipc__KeydKey *)msg;

	if (!e && key->key.len == SEAL_KEY) {
		begin(a, key->key);
		return;
	}
	log_warn("keyd gives no key: %s", err_text(e ? e : ERR_CORRUPT));
	loop_after(a->p->loop, AGAIN_MS, ask_key, a);
}

static void
ask_key(void *arg)
{
	struct auth *a = arg;
	Ipc__KeydNamedKey q = IPC__KEYD_NAMED_KEY__INIT;

	q.which = KEYRING_AUTH;
	ipc_ask(a->p->ipc, IPC_KEYD_NAMED_KEY, &q.base, -1,
		(struct ipc_wait){KEYD_MS, on_key, a});
}

static void
start(struct proc *p)
{
	struct auth *a = must_zalloc(sizeof *a);

	must(p->has_login_key);
	a->p = p;
	p->state = a;
	arena_init(&a->arena, 4096);
	ipc_on(p->ipc, IPC_AUTH_STEP, on_question, a);
	ipc_on(p->ipc, IPC_AUTH_HASH, on_question, a);
	ask_key(a);
}

const struct proc_role proc_auth_role = {
	.role = ROLE_AUTH,
	.start = start,
};

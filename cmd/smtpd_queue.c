/* A mail's way from here: filterd looks at it, the store takes it. From the
 * question to filterd on, the data key is in nobody's hands here any more. */
#include <stdio.h>

#include "cmd/smtpd.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/ip_network.h"
#include "crypto/loop_guard.h"
#include "smtp/smtp_repeat.h"
#include "store/command.h"
#include "store/trace_pack.h"
#include "store/view_queue.h"

enum {
	HEAD_SEALED_MAX = 16384,
	INDEX_SEALED_MAX = 256 * 1024,
	MATERIAL_MAX = 1 << 20,
	FRAME_ROOM = IPC_FRAME_MAX - 256, /* of the payload of a question */
	LOG_RCPT_MAX = 10,
	LIFT_MS = 100,
	ORIGIN_MAX = 2048,
	PLACE_MAX = 300,
	FULL_MAX = 200,
	FROM_MAX = 320
};

void
smtpd_queue_drop(struct smtpd_client *c)
{
	smtpd_body_end(&c->body);
	buf_fini(&c->head);
	buf_fini(&c->index);
	buf_fini(&c->author);
	c->has_repeat_key = false;
}

/* --- recognising repeats --- */

/* ERR_UNAVAILABLE: keyd has not given us the key yet. A mail that is sent again because we died
 * may be the first that comes then: who can't recognise it doesn't take it. */
static enum err
make_repeat_key(struct smtpd_client *c)
{
	struct smtpd *d = c->d;
	struct slice body = slice_of(c->body.hash, sizeof c->body.hash), text;
	struct buf material;

	c->has_repeat_key = false;
	if (d->p->config.repeat_window_sec == 0)
		return ERR_OK;
	if (!d->has_keys)
		return ERR_UNAVAILABLE;
	arena_reset(&d->scratch);
	buf_init(&material, MATERIAL_MAX);
	if (smtp_repeat_material(
		    smtp_session_envelope(c->session), body, &d->scratch, &material)) {
		text = buf_slice(&material);
		seal_hash(&d->repeat_key, &text, 1, c->repeat_key);
		c->has_repeat_key = true;
	}
	buf_fini(&material);
	return ERR_OK;
}

static void
on_lifted(void *arg, enum err e, const ProtobufCMessage *answer)
{
	(void)arg;
	(void)answer;
	/* Not lifted means only that an equal mail will be taken for a repeat. */
	if (e)
		log_warn("lift: %s", err_text(e));
}

static void
tell_lifts(struct smtpd *d)
{
	Commands__Command cmd = COMMANDS__COMMAND__INIT;
	Commands__Lift lift = COMMANDS__LIFT__INIT;
	ProtobufCBinaryData keys[SMTPD_LIFTS_MAX];
	Ipc__Propose q = IPC__PROPOSE__INIT;

	loop_cancel(d->lift_timer);
	d->lift_timer = NULL;
	if (d->lifts == 0)
		return;
	for (size_t i = 0; i < d->lifts; i++)
		keys[i] = codec_bytes(slice_of(d->lift[i], SEAL_HASH));
	lift.n_repeat_key = d->lifts;
	lift.repeat_key = keys;
	cmd.body_case = COMMANDS__COMMAND__BODY_LIFT;
	cmd.lift = &lift;
	arena_reset(&d->scratch);
	q.command = codec_bytes(codec_pack(&cmd, &d->scratch));
	d->lifts = 0;
	ipc_ask(d->p->ipc, IPC_PROPOSE, &q.base, -1,
		(struct ipc_wait){SMTPD_ASK_MS, on_lifted, d});
}

static void
on_lift_timer(void *arg)
{
	struct smtpd *d = arg;

	d->lift_timer = NULL;
	tell_lifts(d);
}

void
smtpd_queue_lift(struct smtpd_client *c)
{
	struct smtpd *d = c->d;

	if (!c->has_last_repeat_key)
		return;
	c->has_last_repeat_key = false;
	memcpy(d->lift[d->lifts++], c->last_repeat_key, SEAL_HASH);
	if (d->lifts == SMTPD_LIFTS_MAX)
		tell_lifts(d);
	else if (!d->lift_timer)
		d->lift_timer = loop_after(d->p->loop, LIFT_MS, on_lift_timer, d);
}

/* An equal mail must not overtake its lift. */
static void
tell_lift_of(struct smtpd *d, const uint8_t key[SEAL_HASH])
{
	for (size_t i = 0; i < d->lifts; i++)
		if (memcmp(d->lift[i], key, SEAL_HASH) == 0) {
			tell_lifts(d);
			return;
		}
}

/* --- filterd --- */

static void
tell_scored(struct smtpd_client *c, enum err e, struct slice refusal)
{
	struct smtp_event ev = {.kind = SMTP_EV_SCORED};

	ev.scored.e = e;
	ev.scored.reply = refusal;
	smtpd_client_answer(c, &ev);
}

static enum err
take_found(struct smtpd_client *c, const Ipc__FilterScored *r)
{
	buf_init(&c->index, INDEX_SEALED_MAX);
	buf_init(&c->author, FROM_MAX);
	if (!buf_put_slice(&c->index, codec_slice(r->index)))
		return ERR_TOO_BIG;
	/* It is canonical, so that a longer one is nobody's. */
	if (!buf_put_slice(&c->author, codec_slice(r->from)))
		buf_clear(&c->author);
	return smtpd_lookup_opened(c->d, codec_slice(r->answered), &c->answers_decrypted);
}

static void
on_scored(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct smtpd_client *c = arg;
	const Ipc__FilterScored *r = (const Ipc__FilterScored *)answer;
	struct slice refusal = SLICE_EMPTY;

	c->question = NULL;
	if (e) {
		log_warn("%s: filterd: %s", c->name, err_text(e));
	} else if (r->verdict) {
		refusal = slice_str(
			r->reply && *r->reply ? r->reply : "550 5.7.1 Message refused");
	} else {
		e = take_found(c, r);
	}
	tell_scored(c, e, refusal);
}

/* Head and data key are sealed before the question: it takes the key along, and here it is
 * wiped. */
static enum err
seal_head(struct smtpd_client *c, struct slice head)
{
	uint8_t public_key[32];
	enum err e = smtpd_lookup_queue_key(c->d, &c->queue_key, public_key);

	buf_init(&c->head, HEAD_SEALED_MAX);
	c->head_size = (uint32_t)head.n;
	if (!e)
		e = seal_blob(&c->body.key, "head", head, &c->head);
	if (!e)
		e = queue_seal(&c->d->queue_seal, public_key, &c->body.key, c->sealed_key);
	return e == ERR_NOT_FOUND ? ERR_UNAVAILABLE : e;
}

/* --- the loop guard --- */

static const char second_pass[] = "554 5.4.6 Mail loop: this gateway has had this mail in hand "
				  "before. What it hands back must "
				  "reach a port that has no content filter: look where "
				  "`reinject` in its [gateway] section "
				  "points to";

/* A gateway's: a mail goes through its engine once in each direction. *refusal: empty, or what
 * is said to it. */
static enum err
check_guard(struct smtpd_client *c, struct slice *refusal)
{
	const struct smtp_envelope *env = smtp_session_envelope(c->session);
	struct loop_guard_mail mail = {env->message_id, env->body_hash};
	unsigned before = 0, ways = 0;

	c->guard_ways = 0;
	*refusal = SLICE_EMPTY;
	if (c->at->kind != CONFIG_FILTER)
		return ERR_OK;
	if (!c->d->has_guard_key)
		return ERR_UNAVAILABLE;
	if (env->guard.n == 0 || loop_guard_check(&c->d->guard_key, env->guard, &mail,
					 clock_wall_sec(), &before) != LOOP_GUARD_VALID)
		return ERR_OK;
	for (size_t i = 0; i < env->rcpt_n; i++)
		ways |= env->rcpt[i].is_ours ? LOOP_GUARD_IN : LOOP_GUARD_OUT;
	c->guard_ways = before;
	if (ways & before)
		*refusal = slice_str(second_pass);
	return ERR_OK;
}

void
smtpd_queue_score(struct smtpd_client *c, struct slice head)
{
	struct smtpd_body *b = &c->body;
	Ipc__FilterScore q = IPC__FILTER_SCORE__INIT;
	struct slice refusal = SLICE_EMPTY;
	enum err e = smtpd_body_finish(b, c->d->p);

	smtpd_client_wait(c);
	if (!e)
		e = check_guard(c, &refusal);
	if (!e && refusal.n) {
		tell_scored(c, e, refusal);
		return;
	}
	if (!e)
		e = smtpd_lookup_room(c);
	if (!e)
		e = make_repeat_key(c);
	if (!e)
		e = seal_head(c, head);
	if (e) {
		if (e != ERR_QUOTA)
			log_error("%s: the mail can't be taken: %s", c->name, err_text(e));
		tell_scored(c, e, SLICE_EMPTY);
		return;
	}
	q.data_key = codec_bytes(slice_of(b->key.b, SEAL_KEY));
	q.head = codec_bytes(head);
	if (b->fd >= 0)
		q.fd_size = b->sealed_size;
	else
		q.body = codec_bytes(buf_slice(&b->sealed));
	c->question = ipc_ask(c->d->p->ipc, IPC_FILTER_SCORE, &q.base, b->fd,
		(struct ipc_wait){SMTPD_ASK_MS, on_scored, c});
	smtpd_body_wipe_key(b);
}

/* --- the store --- */

/* What a gateway, or a mail server in front of one, said of the mail's first client. */
static void
put_origin(const struct smtp_envelope *e, struct buf *out)
{
	static const struct {
		enum smtp_client_forward fact;
		const char *word;
	} rest[] = {{SMTP_CLIENT_FORWARD_PORT, "orig_port"},
		{SMTP_CLIENT_FORWARD_PROTO, "orig_proto"},
		{SMTP_CLIENT_FORWARD_HELO, "orig_helo"},
		{SMTP_CLIENT_FORWARD_LOGIN, "orig_login"},
		{SMTP_CLIENT_FORWARD_IDENT, "orig_id"}};
	const struct slice *fact = e->forward.fact;
	struct slice name = fact[SMTP_CLIENT_FORWARD_NAME];

	if (fact[SMTP_CLIENT_FORWARD_ADDR].n)
		buf_printf(out, ", orig_client=%.*s[%.*s]",
			SLICE_FMT(name.n ? name : SLICE_LIT("unknown")),
			SLICE_FMT(fact[SMTP_CLIENT_FORWARD_ADDR]));
	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
		if (fact[rest[i].fact].n)
			buf_printf(out, ", %s=<%.*s>", rest[i].word,
				SLICE_FMT(fact[rest[i].fact]));
}

static void
log_mail(const struct smtpd_client *c, const char *id, const char *status)
{
	const struct smtp_envelope *e = smtp_session_envelope(c->session);
	struct buf to, origin;

	buf_init(&origin, ORIGIN_MAX);
	buf_init(&to, 8192);
	for (size_t i = 0; i < e->rcpt_n && i < LOG_RCPT_MAX; i++) {
		buf_put_str(&to, i ? ",<" : "<");
		buf_put_slice(&to, e->rcpt[i].address);
		buf_put_u8(&to, '>');
	}
	put_origin(e, &origin);
	log_info("%s: client=unknown[%s]%s%.*s%.*s, session=%.*s, from=<%.*s>, to=%.*s, "
		 "nrcpt=%zu, "
		 "size=%llu, message-id=%.*s, proto=%s, helo=<%.*s>, status=%s",
		id, c->from.text, c->user.n && e->account ? ", sasl_username=" : "",
		SLICE_FMT(e->user), SLICE_FMT(buf_slice(&origin)), SLICE_FMT(e->id),
		SLICE_FMT(e->sender), SLICE_FMT(buf_slice(&to)), e->rcpt_n,
		(unsigned long long)e->size_bytes, SLICE_FMT(slice_cut(e->message_id, 0, 250)),
		conn_is_secure(c->conn) ? "TLS" : "plain", SLICE_FMT(e->helo), status);
	buf_fini(&to);
	buf_fini(&origin);
}

static void
tell_queued(struct smtpd_client *c, enum err e, struct slice id, struct slice full)
{
	struct smtp_event ev = {.kind = SMTP_EV_QUEUED};

	ev.queued.e = e;
	ev.queued.id = id;
	ev.queued.full = full;
	ev.queued.has_unread = smtpd_client_has_unread(c);
	/* What a second gateway has in hand may come again, whatever this one has read. */
	if (!e && c->has_repeat_key &&
		!smtp_session_envelope(c->session)->forward.fact[SMTP_CLIENT_FORWARD_IDENT].n) {
		memcpy(c->last_repeat_key, c->repeat_key, SEAL_HASH);
		c->has_last_repeat_key = true;
	}
	smtpd_queue_drop(c);
	smtpd_client_answer(c, &ev);
}

static enum err
err_of_code(const struct smtpd_client *c, const Commands__Result *r)
{
	if (!r)
		return ERR_CORRUPT;
	if (r->code == COMMAND_DONE || r->code == COMMAND_REPEAT)
		return ERR_OK;
	if (r->code == COMMAND_SENDING_LIMIT)
		return ERR_QUOTA;
	log_error("%s: the store refused the mail: %s", c->name, r->text);
	return r->code == COMMAND_QUOTA ? ERR_QUOTA : ERR_SYSTEM;
}

static void
tell_refused(struct smtpd_client *c, enum err e, bool is_over_limit)
{
	struct buf full;

	buf_init(&full, FULL_MAX);
	log_mail(c, "NOQUEUE",
		is_over_limit ? command_code_text(COMMAND_SENDING_LIMIT) : err_text(e));
	if (is_over_limit)
		smtpd_sending_put_full(c, &full);
	tell_queued(c, e, SLICE_EMPTY, buf_slice(&full));
	buf_fini(&full);
}

static void
on_queued(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct smtpd_client *c = arg;
	const Ipc__Proposed *p = (const Ipc__Proposed *)answer;
	const Commands__Result *r = NULL;
	char id[VIEW_QUEUE_ID_MAX];

	c->question = NULL;
	arena_reset(&c->d->scratch);
	if (!e) {
		r = codec_unpack(
			&commands__result__descriptor, codec_slice(p->result), &c->d->scratch);
		e = err_of_code(c, r);
	}
	if (e) {
		tell_refused(c, e, r && r->code == COMMAND_SENDING_LIMIT);
		return;
	}
	view_queue_id_format(r->id, id);
	log_mail(c, id, r->code == COMMAND_REPEAT ? "repeat (taken already)" : "queued");
	tell_queued(c, ERR_OK, slice_str(id), SLICE_EMPTY);
}

/* Who has the recipient in hand first; "": nobody, it is routed at once. */
static const char *
filter_of(const struct smtpd_client *c, const struct smtp_rcpt *r)
{
	const struct smtp_envelope *env = smtp_session_envelope(c->session);
	const struct config *config = &c->d->p->config;
	struct config_filter_mail mail = {
		r->address, r->is_ours, env->account ? env->sender : SLICE_EMPTY};

	if (c->at->kind == CONFIG_FILTER)
		return config->gateway_hop;
	return c->at->kind == CONFIG_REINJECT
		       ? ""
		       : config_filter_of(&config->filters, &mail, c->at->filter_hop);
}

/* The place of a filter among those of the mail, from 1, where it is put unless it is there. */
static uint32_t
take_filter(Commands__Enqueue *q, const char *hop)
{
	uint32_t i = 0;

	while (i < q->n_filter && !slice_eq(codec_slice(q->filter[i]), slice_str(hop)))
		i++;
	if (i == q->n_filter)
		q->filter[q->n_filter++] = codec_bytes(slice_str(hop));
	return i + 1;
}

static void
fill_rcpts(const struct smtpd_client *c, struct arena *a, Commands__Enqueue *q)
{
	const struct smtp_envelope *env = smtp_session_envelope(c->session);
	Commands__Rcpt *rows = arena_alloc(a, env->rcpt_n * sizeof *rows);
	const char *filter;

	q->n_rcpt = env->rcpt_n;
	q->rcpt = arena_alloc(a, env->rcpt_n * sizeof *q->rcpt);
	q->filter = arena_alloc(a, (CONFIG_FILTERS_MAX + 1) * sizeof *q->filter);
	for (size_t i = 0; i < env->rcpt_n; i++) {
		commands__rcpt__init(&rows[i]);
		rows[i].address = codec_bytes(env->rcpt[i].address);
		rows[i].orcpt = codec_bytes(env->rcpt[i].orcpt);
		rows[i].notify = env->rcpt[i].notify;
		filter = filter_of(c, &env->rcpt[i]);
		/* A gateway's engine is in this node; behind it the mail goes back. */
		rows[i].filter = c->at->kind == CONFIG_FILTER ? take_filter(q, SMTP_HOP_LOCAL)
				 : *filter		      ? take_filter(q, filter)
							      : 0;
		if (c->at->kind == CONFIG_FILTER)
			take_filter(q, filter);
		rows[i].stage = *filter ? COMMANDS__STAGE__STAGE_FILTER
					: COMMANDS__STAGE__STAGE_ROUTE;
		q->rcpt[i] = &rows[i];
	}
}

static bool
has_forward(const struct smtp_envelope *env)
{
	for (size_t i = 0; i < SMTP_CLIENT_FORWARDS; i++)
		if (env->forward.fact[i].n)
			return true;
	return false;
}

/* By what a trusted client says of its own client. */
static void
fill_forwarded(const struct smtp_envelope *env, struct arena *a, Commands__Enqueue *q)
{
	const struct slice *fact = env->forward.fact;
	struct ip_network net;
	uint64_t port;

	if (fact[SMTP_CLIENT_FORWARD_ADDR].n &&
		!ip_network_parse(fact[SMTP_CLIENT_FORWARD_ADDR], &net))
		q->client_address = codec_bytes(arena_dup(a, slice_of(net.octets, net.n)));
	if (slice_u64(fact[SMTP_CLIENT_FORWARD_PORT], UINT16_MAX, &port))
		q->client_port = (uint32_t)port;
	q->client_name = arena_str(a, fact[SMTP_CLIENT_FORWARD_NAME]);
	q->helo = arena_str(a, fact[SMTP_CLIENT_FORWARD_HELO]);
	q->protocol = arena_str(a, fact[SMTP_CLIENT_FORWARD_PROTO]);
	q->login = arena_str(a, fact[SMTP_CLIENT_FORWARD_LOGIN]);
	q->source = arena_str(a, fact[SMTP_CLIENT_FORWARD_SOURCE]);
	q->ident = arena_str(a, fact[SMTP_CLIENT_FORWARD_IDENT]);
}

static void
fill_client(struct smtpd_client *c, struct arena *a, Commands__Enqueue *q)
{
	const struct smtp_envelope *env = smtp_session_envelope(c->session);

	if (has_forward(env)) {
		fill_forwarded(env, a, q);
		return;
	}
	q->client_address = codec_bytes(client_address_octets(&c->from));
	q->client_port = c->from.port;
	q->helo = arena_str(a, env->helo);
	q->protocol = c->at->kind == CONFIG_LMTP ? "LMTP" : "ESMTP";
	q->login = arena_str(a, env->account ? env->user : SLICE_EMPTY);
	q->source = c->at->kind == CONFIG_MX ? "REMOTE" : "LOCAL";
}

/* Where it came in, for the story of the mail. */
static void
fill_intake(struct smtpd_client *c, struct arena *a, Commands__Enqueue *q)
{
	const struct config_listener *l = c->at;
	bool is_six = strchr(l->address, ':') != NULL;
	Commands__Intake in = COMMANDS__INTAKE__INIT;
	struct buf text;

	q->trace_life_sec = c->d->p->config.trace_life_sec;
	buf_init(&text, PLACE_MAX);
	if (config_is_path(l))
		buf_put_str(&text, l->address);
	else
		buf_printf(&text, is_six ? "[%s]:%u" : "%s:%u", l->address, l->port);
	in.kind = (char *)(uintptr_t)config_kind_name(l->kind);
	in.at = arena_str(a, buf_slice(&text));
	in.client_address = codec_bytes(client_address_octets(&c->from));
	in.client_port = c->from.port;
	buf_clear(&text);
	if (conn_is_secure(c->conn))
		tls_describe(conn_tls(c->conn), &text);
	in.tls = arena_str(a, buf_slice(&text));
	buf_fini(&text);
	q->intake = codec_bytes(trace_pack_intake(&in, a));
	q->added_message_id = codec_bytes(smtp_session_envelope(c->session)->added_id);
}

static void
fill(struct smtpd_client *c, struct arena *a, Commands__Enqueue *q)
{
	const struct smtp_envelope *env = smtp_session_envelope(c->session);
	struct smtpd *d = c->d;

	fill_rcpts(c, a, q);
	fill_client(c, a, q);
	fill_intake(c, a, q);
	q->sender = codec_bytes(env->sender);
	q->envid = codec_bytes(env->envid);
	q->ret = env->ret;
	q->smtputf8 = env->smtputf8;
	q->body_8bit = env->is_8bit;
	q->header_8bit = env->is_header_8bit;
	q->body->size = c->body.size;
	q->body->sealed_size = c->body.sealed_size;
	q->sealed_key = codec_bytes(slice_of(c->sealed_key, sizeof c->sealed_key));
	q->queue_key = c->queue_key;
	q->sealed_head = codec_bytes(buf_slice(&c->head));
	q->head_size = c->head_size;
	q->sealed_index = codec_bytes(buf_slice(&c->index));
	if (c->has_repeat_key) {
		q->repeat_key = codec_bytes(slice_of(c->repeat_key, SEAL_HASH));
		q->repeat_until_sec = clock_wall_sec() + d->p->config.repeat_window_sec;
	}
	q->auth_account = env->account;
	if (env->account) {
		q->recipients_per_hour = c->sending.per_hour;
		q->recipients_per_day = c->sending.per_day;
	}
	q->message_id = codec_bytes(env->message_id);
	q->from = codec_bytes(buf_slice(&c->author));
	q->answers_decrypted = c->answers_decrypted;
	if (c->at->kind == CONFIG_FILTER)
		q->body_hash = codec_bytes(env->body_hash);
	q->guard_ways = c->guard_ways;
}

static void
send_proposal(struct smtpd_client *c, struct slice command)
{
	struct smtpd_body *b = &c->body;
	Ipc__Propose q = IPC__PROPOSE__INIT;
	enum err e = ERR_OK;

	if (command.n > FRAME_ROOM)
		e = ERR_LIMIT;
	else if (b->fd < 0 && command.n + b->sealed.n > FRAME_ROOM)
		e = smtpd_body_to_spool(b, c->d->p);
	if (e) {
		log_error("%s: the mail can't be queued: %s", c->name, err_text(e));
		tell_queued(c, e, SLICE_EMPTY, SLICE_EMPTY);
		return;
	}
	q.command = codec_bytes(command);
	if (b->fd >= 0)
		q.fd_size = b->sealed_size;
	else
		q.body = codec_bytes(buf_slice(&b->sealed));
	c->question = ipc_ask(c->d->p->ipc, IPC_PROPOSE, &q.base, b->fd,
		(struct ipc_wait){SMTPD_ASK_MS, on_queued, c});
}

void
smtpd_queue_propose(struct smtpd_client *c)
{
	Commands__Command cmd = COMMANDS__COMMAND__INIT;
	Commands__Enqueue enqueue = COMMANDS__ENQUEUE__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;
	struct arena *a = &c->d->scratch;

	smtpd_client_wait(c);
	if (c->has_repeat_key)
		tell_lift_of(c->d, c->repeat_key);
	arena_reset(a);
	enqueue.body = &body;
	fill(c, a, &enqueue);
	cmd.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	cmd.enqueue = &enqueue;
	send_proposal(c, codec_pack(&cmd, a));
}

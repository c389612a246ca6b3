/* A whole session: the first octet chooses the listener, each piece's first
 * octet its length and the driver's answers. */
#include "core/must.h"
#include "smtp/smtp_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct drive {
	struct smtp_session *s;
	struct buf in;
	uint64_t now_ms;
	uint8_t mood;
	bool is_over;
};

static void give(struct drive *d, struct smtp_event ev);

static void
answer(struct drive *d, const struct smtp_act *act)
{
	struct smtp_event ev = {0};

	switch (act->kind) {
	case SMTP_ACT_ASK_SENDING:
		ev.kind = SMTP_EV_SENDING;
		ev.sending.e = d->mood % 11 == 1 ? ERR_BUSY : ERR_OK;
		ev.sending.full = d->mood % 7 == 1 ? SLICE_LIT("1") : SLICE_EMPTY;
		ev.sending.rcpt_max = d->mood % 3;
		break;
	case SMTP_ACT_ASK_SENDER:
		ev.kind = SMTP_EV_SENDER;
		ev.sender = (enum smtp_sender_class)(d->mood % 3);
		break;
	case SMTP_ACT_ASK_RCPT:
		ev.kind = SMTP_EV_RCPT;
		ev.rcpt.rcpt_class = (enum smtp_rcpt_class)(d->mood % 6);
		break;
	case SMTP_ACT_AUTH_BEGIN:
	case SMTP_ACT_AUTH_LINE:
		ev.kind = SMTP_EV_AUTH;
		ev.auth.outcome = (enum smtp_auth_outcome)(d->mood % 7);
		break;
	case SMTP_ACT_START_TLS:
		buf_clear(&d->in);
		ev.kind = SMTP_EV_SECURE;
		ev.secure.is_done = d->mood % 8 != 0;
		ev.secure.cipher = SLICE_LIT("X");
		break;
	case SMTP_ACT_ASK_SCORE:
		ev.kind = SMTP_EV_SCORED;
		ev.scored.e = d->mood % 9 == 1 ? ERR_PEER : ERR_OK;
		break;
	case SMTP_ACT_ASK_QUEUE:
		must(smtp_session_envelope(d->s)->rcpt_n > 0);
		ev.kind = SMTP_EV_QUEUED;
		ev.queued.e = d->mood % 5 == 1 ? ERR_FULL : ERR_OK;
		ev.queued.id = SLICE_LIT("1");
		break;
	case SMTP_ACT_CLOSE:
		d->is_over = true;
		return;
	case SMTP_ACT_AUTH_DROP:
	case SMTP_ACT_BODY_BEGIN:
	case SMTP_ACT_BODY:
	case SMTP_ACT_BODY_DROP:
	case SMTP_ACT_LIFT:
		return;
	}
	give(d, ev);
}

static void
give(struct drive *d, struct smtp_event ev)
{
	struct smtp_acts acts;

	ev.now_ms = d->now_ms;
	smtp_session_step(d->s, &ev, &acts);
	must(acts.consumed <= (ev.kind == SMTP_EV_INPUT ? ev.input.n : 0));
	for (size_t i = 0; i < acts.n; i++)
		answer(d, &acts.act[i]);
	if (ev.kind == SMTP_EV_INPUT && acts.consumed && d->in.n) {
		buf_drop(&d->in, acts.consumed);
		ev.input = buf_slice(&d->in);
		if (ev.input.n)
			give(d, ev);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct smtp_limits lim;
	struct smtp_setup setup = {.hostname = SLICE_LIT("h"), .limits = &lim};
	struct drive d = {0};
	size_t at = 1;

	if (n < 2 || n > 4096)
		return 0;
	smtp_session_limits_default(&lim);
	lim.size_max_bytes = 300;
	lim.rcpt_max = 3;
	lim.line_max = lim.auth_line_max = 200;
	setup.kind = (enum smtp_kind)(p[0] % 5);
	setup.may_starttls = setup.offers_scram = true;
	setup.trusts_loopback = p[0] & 4;
	setup.strips = p[0] >> 3 & 3;
	setup.id = SLICE_LIT("i");
	d.s = smtp_session_new(&setup);
	buf_init(&d.in, 1 << 20);
	give(&d, (struct smtp_event){.kind = SMTP_EV_OPEN});
	while (at < n && !d.is_over) {
		size_t len = (size_t)p[at] + 1;
		d.mood = p[at++];
		len = len > n - at ? n - at : len;
		buf_put(&d.in, p + at, len);
		at += len;
		d.now_ms += d.mood;
		give(&d, (struct smtp_event){.kind = SMTP_EV_INPUT, .input = buf_slice(&d.in)});
		give(&d, (struct smtp_event){.kind = SMTP_EV_TICK});
	}
	smtp_session_free(d.s);
	buf_fini(&d.in);
	return 0;
}

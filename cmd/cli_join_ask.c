#include "cmd/cli_join_ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "core/big_endian.h"
#include "core/clock.h"
#include "crypto/peer_tls.h"

enum { CONNECT_MS = 5000, ANSWER_MS = 25000, LENGTH = 4, BINDING_MAX = 64, CLOCK_SEC = 60 };

/* Where in a conversation it ended, for the words. */
enum step { CONNECTING, SHAKING_HANDS, ASKING, DONE };
struct talk {
	struct cli_join_ask *q;
	const char *address;
	int fd;
	struct tls_stream *tls;
	uint64_t until_ms;
	enum step step;
};

/* --- the socket --- */

static bool
read_address(const char *text, struct sockaddr_storage *at, socklen_t *n)
{
	struct sockaddr_in *four = (struct sockaddr_in *)at;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)at;
	const char *port = strrchr(text, ':') + 1;
	char host[PEER_JOIN_ADDRESS_MAX];
	bool is_six = *text == '[';

	memset(at, 0, sizeof *at);
	snprintf(host, sizeof host, "%.*s", (int)(port - text) - 1 - 2 * is_six, text + is_six);
	*n = is_six ? sizeof *six : sizeof *four;
	at->ss_family = is_six ? AF_INET6 : AF_INET;
	if (is_six)
		six->sin6_port = htons((uint16_t)atoi(port));
	else
		four->sin_port = htons((uint16_t)atoi(port));
	return inet_pton(at->ss_family, host,
		       is_six ? (void *)&six->sin6_addr : (void *)&four->sin_addr) == 1;
}

/* ERR_TIMEOUT, or ERR_OK: look again. */
static enum err
wait_for(const struct talk *t, enum conn_want want)
{
	struct pollfd p = {t->fd, want == CONN_WANT_READ ? POLLIN : POLLOUT, 0};
	uint64_t now_ms = clock_ms();

	if (now_ms >= t->until_ms)
		return ERR_TIMEOUT;
	poll(&p, 1, (int)(t->until_ms - now_ms));
	return ERR_OK;
}

static enum err
connect_to(struct talk *t)
{
	struct sockaddr_storage at;
	socklen_t n, size = sizeof errno;
	int failed = 0;

	if (!read_address(t->address, &at, &n))
		return ERR_SYNTAX;
	t->fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		return ERR_SYSTEM;
	if (connect(t->fd, (struct sockaddr *)&at, n) && errno != EINPROGRESS)
		return ERR_IO;
	if (wait_for(t, CONN_WANT_WRITE))
		return ERR_TIMEOUT;
	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &failed, &size) || failed) {
		errno = failed;
		return ERR_IO;
	}
	/* Nothing has come of it when the time is over. */
	n = sizeof at;
	if (getpeername(t->fd, (struct sockaddr *)&at, &n))
		return ERR_TIMEOUT;
	return ERR_OK;
}

static enum err
shake_hands(struct talk *t)
{
	enum conn_want want;
	enum err e;

	while ((e = tls_handshake(t->tls, &want)) == ERR_MORE)
		if (wait_for(t, want))
			return ERR_TIMEOUT;
	return e;
}

static enum err
write_all(struct talk *t, struct slice s)
{
	enum conn_want want;
	enum err e;
	size_t n;

	while (s.n) {
		e = tls_write(t->tls, s.p, s.n, &n, &want);
		if (e == ERR_MORE)
			e = wait_for(t, want);
		else if (!e)
			s = slice_from(s, n);
		if (e)
			return e;
	}
	return ERR_OK;
}

static enum err
read_all(struct talk *t, uint8_t *p, size_t n)
{
	enum conn_want want;
	enum err e;
	size_t got;

	while (n) {
		e = tls_read(t->tls, p, n, &got, &want);
		if (e == ERR_MORE) {
			e = wait_for(t, want);
		} else if (!e) {
			p += got;
			n -= got;
		}
		if (e)
			return e;
	}
	return ERR_OK;
}

/* --- one member --- */

static enum err
send_request(struct talk *t)
{
	struct buf binding, request;
	struct peer_join_request *r = &t->q->r;
	enum err e;

	buf_init(&binding, BINDING_MAX);
	buf_init(&request, LENGTH + PEER_JOIN_REQUEST_MAX);
	e = tls_channel_binding(t->tls, TLS_BINDING_EXPORTER, &binding);
	if (!e) {
		peer_join_mac(t->q->token->secret, r, buf_slice(&binding), t->q->mac);
		r->mac = slice_of(t->q->mac, sizeof t->q->mac);
		buf_put_u32(&request, 0);
		e = peer_join_request_pack(r, &request);
	}
	if (!e) {
		big_endian_put_u32(request.p, (uint32_t)(request.n - LENGTH));
		e = write_all(t, buf_slice(&request));
	}
	buf_fini(&binding);
	buf_fini(&request);
	return e;
}

static enum err
read_answer(struct talk *t, struct arena *a, struct peer_join_answer *answer)
{
	uint8_t length[LENGTH], *p;
	uint32_t n;
	enum err e = read_all(t, length, sizeof length);

	if (e)
		return e;
	n = big_endian_get_u32(length);
	if (n == 0 || n > PEER_JOIN_ANSWER_MAX)
		return ERR_SYNTAX;
	p = arena_alloc(a, n);
	e = read_all(t, p, n);
	return e ? e : peer_join_answer_parse(slice_of(p, n), a, answer);
}

static enum err
talk(struct talk *t, struct peer_tls *tls, struct arena *a, struct peer_join_answer *answer)
{
	enum err e;

	t->until_ms = clock_ms() + CONNECT_MS;
	e = connect_to(t);
	if (e)
		return e;
	t->step = SHAKING_HANDS;
	t->tls = peer_tls_connect(tls, t->fd);
	e = shake_hands(t);
	if (e)
		return e;
	t->step = ASKING;
	t->until_ms = clock_ms() + ANSWER_MS;
	e = send_request(t);
	if (!e)
		e = read_answer(t, a, answer);
	if (!e)
		t->step = DONE;
	return e;
}

/* --- in words --- */

static int
say_failure(const struct talk *t, enum err e)
{
	if (t->step == CONNECTING)
		return cli_fail(EX_UNAVAILABLE,
			"%s: %s: see whether the server runs there, and whether a firewall is "
			"in between",
			t->address,
			e == ERR_IO ? strerror(errno) : "no connection within 5 seconds");
	if (t->step == SHAKING_HANDS && e == ERR_CRYPTO)
		return cli_fail(EX_NOPERM,
			"%s: that isn't the cluster of this token (%s): ask for a new token on "
			"a "
			"member of it",
			t->address, tls_why(t->tls));
	if (t->step == SHAKING_HANDS)
		return cli_fail(EX_UNAVAILABLE,
			"%s: no node of a cluster answers there: see its log", t->address);
	return cli_fail(EX_TEMPFAIL,
		"%s: no answer came (%s). Run the same command again; if the token was used "
		"up by that: `hairpin cluster status` there, `hairpin cluster remove` of what "
		"isn't there, and a new token",
		t->address, err_text(e));
}

static void
format_time(uint64_t sec, char text[32])
{
	time_t t = (time_t)sec;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, 32, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

static int
say_expired(const struct talk *t, const struct peer_join_answer *w)
{
	uint64_t now_sec = clock_wall_sec();
	char until[32], there[32], here[32];

	format_time(t->q->token->until_sec, until);
	format_time(w->now_sec, there);
	format_time(now_sec, here);
	return cli_fail(EX_NOPERM,
		"the token expired: it was good until %s, and it is %s by the clock of %s "
		"(%s here). Ask for a new one there: hairpin cluster token%s",
		until, there, t->address, here, t->q->token->arbiter ? " --arbiter" : "");
}

static int
say_held(const struct talk *t, const struct peer_join_answer *w)
{
	const struct peer_join_request *r = &t->q->r;
	bool is_name = w->refusal == PEER_JOIN_NAME_HELD;

	return cli_fail(EX_CANTCREAT,
		"node %u of the cluster (%.*s) has the %s %.*s already. If that was this "
		"machine: on a member, `hairpin cluster remove %u`; else give this one another "
		"with %s. Then run the command again: the token is still good",
		w->node, SLICE_FMT(w->holder), is_name ? "name" : "address",
		SLICE_FMT(is_name ? r->name : r->address), w->node,
		is_name ? "--hostname" : "--cluster-address");
}

static int
say_refusal(const struct talk *t, const struct peer_join_answer *w)
{
	const char *kind = t->q->token->arbiter ? " --arbiter" : "";

	switch (w->refusal) {
	case PEER_JOIN_EXPIRED:
		return say_expired(t, w);
	case PEER_JOIN_USED:
		return cli_fail(EX_NOPERM,
			"the token was used already: it is good once. Ask for a new one on a "
			"member: hairpin cluster token%s",
			kind);
	case PEER_JOIN_CROWDED:
		return cli_fail(EX_UNAVAILABLE,
			"the cluster has as many nodes as it can: remove one first (hairpin "
			"cluster remove)");
	case PEER_JOIN_UNAVAILABLE:
		return cli_fail(EX_TEMPFAIL,
			"%s: the cluster takes nobody in now: no node leads, another one is "
			"just joining, or it has no keys (an arbiter). Run the same command "
			"again in a minute; `hairpin cluster status` there says more",
			t->address);
	case PEER_JOIN_UNKNOWN:
		return cli_fail(EX_TEMPFAIL,
			"%s: whether the cluster took this node in isn't known: see `hairpin "
			"cluster status` there, remove what isn't there, and ask for a new "
			"token",
			t->address);
	case PEER_JOIN_NAME_HELD:
	case PEER_JOIN_ADDRESS_HELD:
		return say_held(t, w);
	case PEER_JOIN_FORGED:
	case PEER_JOIN_TAKEN:
	case PEER_JOIN_REFUSALS:
		break;
	}
	return cli_fail(EX_NOPERM,
		"%s: that cluster doesn't know this token, or it was altered: ask for a new "
		"one "
		"there: hairpin cluster token%s",
		t->address, kind);
}

/* --- all of them --- */

static int
ask_one(struct talk *t, struct peer_tls *tls, struct arena *a, struct peer_join_answer *answer)
{
	enum err e = talk(t, tls, a, answer);
	int code = EX_OK;

	if (e)
		code = say_failure(t, e);
	else if (answer->refusal)
		code = say_refusal(t, answer);
	else if (!peer_join_answer_is_good(t->q->token->secret, answer, t->q->r.mac))
		code = cli_fail(EX_NOPERM,
			"%s: what answers there doesn't know the token's secret: somebody "
			"else's "
			"machine; nothing was taken from it",
			t->address);
	tls_close(t->tls);
	if (t->fd >= 0)
		close(t->fd);
	return code;
}

int
cli_join_ask(struct cli_join_ask *q, struct arena *a, struct peer_join_answer *answer)
{
	struct peer_tls *tls = peer_tls_new_stranger(q->token->authority);
	int code = EX_USAGE;

	for (size_t i = 0; i < q->token->addresses; i++) {
		struct talk t = {.q = q, .address = q->token->address[i], .fd = -1};

		code = ask_one(&t, tls, a, answer);
		/* The others would say the same. */
		if (code != EX_UNAVAILABLE && code != EX_TEMPFAIL)
			break;
	}
	if (!code && (answer->now_sec > clock_wall_sec() + CLOCK_SEC ||
			     clock_wall_sec() > answer->now_sec + CLOCK_SEC))
		fprintf(stderr,
			"hairpin: this machine's clock is %lld seconds off the cluster's: set "
			"it "
			"(NTP), or dates of mails will be wrong\n",
			(long long)clock_wall_sec() - (long long)answer->now_sec);
	peer_tls_free(tls);
	return code;
}

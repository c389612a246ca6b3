#include "cmd/filterd_status.h"

#include <malloc.h>
#include <unistd.h>

#include "cmd/courier_file.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "crypto/cert_check.h"
#include "crypto/cert_source.h"
#include "crypto/cert_status.h"

enum { LARGE = 1 << 16, REQUEST_MAX = 1024, ANSWER_MAX = IPC_FRAME_MAX - 1024 };

/* The first octets of a file that nobody changes any more. */
static enum err
read_file(int fd, uint64_t size, struct arena *a, struct slice *out)
{
	uint8_t *room;
	ssize_t got;

	if (fd < 0 || !courier_file_is_sealed(fd, size))
		return ERR_SYNTAX;
	room = arena_alloc(a, (size_t)size + 1);
	for (size_t done = 0; done < size; done += (size_t)got) {
		got = pread(fd, room + done, (size_t)size - done, (off_t)done);
		if (got <= 0)
			return ERR_IO;
	}
	*out = slice_of(room, (size_t)size);
	return ERR_OK;
}

/* --- chains --- */

struct chaining {
	const Ipc__FilterChain *q;
	struct arena arena;
	Gateway__Question *question;
	Ipc__FilterChained answer;
};

static enum err
read_question(struct chaining *x, int fd)
{
	struct slice packed = codec_slice(x->q->question);
	enum err e = ERR_OK;

	if (x->q->question_size > FILTERD_STATUS_QUESTION_MAX)
		return ERR_TOO_BIG;
	if (x->q->question_size)
		e = read_file(fd, x->q->question_size, &x->arena, &packed);
	if (e)
		return e;
	x->question = codec_unpack(&gateway__question__descriptor, packed, &x->arena);
	return x->question ? ERR_OK : ERR_SYNTAX;
}

static char *
text(struct chaining *x, struct slice s)
{
	return s.n ? arena_str(&x->arena, s) : (char *)(uintptr_t) "";
}

/* issuer: empty: there is none. */
static enum err
add_link(struct chaining *x, struct slice der, struct slice issuer)
{
	Ipc__FilterChained__Link *link = arena_alloc(&x->arena, sizeof *link);
	struct cert_source source;
	struct buf request;
	enum err e = cert_source_read(der, &x->arena, &source);

	if (e)
		return e;
	ipc__filter_chained__link__init(link);
	buf_init(&request, REQUEST_MAX);
	if (issuer.n && source.ocsp.n)
		e = cert_source_ask(issuer, source.serial, &request);
	link->der = codec_bytes(der);
	link->serial = codec_bytes(source.serial);
	link->crl = text(x, source.crl);
	link->ocsp = text(x, e ? SLICE_EMPTY : source.ocsp);
	link->ocsp_request = codec_bytes(arena_dup(&x->arena, buf_slice(&request)));
	link->authority = source.is_authority;
	link->until_sec = source.until_sec;
	buf_fini(&request);
	x->answer.link[x->answer.n_link++] = link;
	x->answer.issuer = text(x, source.issuer);
	return ERR_OK;
}

static enum err
chain(struct chaining *x, int fd)
{
	struct cert_check_links links;
	struct cert_check *c;
	enum smime_problem problem;
	enum err e = read_question(x, fd);

	if (e)
		return e;
	c = cert_check_new(x->question, CERT_CHECK_RSA_MIN);
	problem = cert_check_chain(c, codec_slice(x->q->certificate), &x->arena, &links);
	cert_check_free(c);
	x->answer.trusted = problem == SMIME_PROBLEM_NONE;
	x->answer.link = arena_alloc(
		&x->arena, CERT_CHECK_LINKS_MAX * sizeof(Ipc__FilterChained__Link *));
	/* What can't be read ends it: of what is above nothing is asked. */
	for (size_t i = 0; i < links.n && !e; i++)
		e = add_link(x, links.der[i], i + 1 < links.n ? links.der[i + 1] : SLICE_EMPTY);
	/* Only a chain that ends too early can be mended. */
	if (problem != SMIME_PROBLEM_CHAIN)
		x->answer.issuer = (char *)(uintptr_t) "";
	if (!x->answer.trusted)
		x->answer.why = (char *)(uintptr_t)smime_problem_text(problem);
	return ERR_OK;
}

void
filterd_status_chain(struct ipc *ipc, struct ipc_frame *frame)
{
	struct chaining x = {.q = (const Ipc__FilterChain *)frame->msg};
	enum err e;

	arena_init(&x.arena, 16384);
	ipc__filter_chained__init(&x.answer);
	e = chain(&x, frame->fd);
	if (!e && protobuf_c_message_get_packed_size(&x.answer.base) > ANSWER_MAX)
		e = ERR_TOO_BIG;
	ipc_answer(ipc, ipc_ticket(frame), e, &x.answer.base);
	arena_reset(&x.arena);
	if (frame->fd >= 0)
		close(frame->fd);
}

/* --- lists and answers --- */

static enum err
read_list(const Ipc__FilterStatus *q, struct slice octets, struct arena *a,
	Ipc__FilterStated *out)
{
	struct cert_status_question question = {.octets = octets,
		.is_ocsp = q->ocsp,
		.issuer = codec_slice(q->issuer),
		.url = slice_str(q->url),
		.now_sec = q->now_sec,
		.n = q->n_serial};
	struct cert_status_answer *answer = arena_alloc(a, sizeof *answer);
	size_t n = q->n_serial;

	question.known = arena_zalloc(a, (n + 1) * sizeof *question.known);
	for (size_t i = 0; i < n; i++) {
		question.known[i].serial = codec_slice(q->serial[i]);
		question.known[i].is_authority = q->authority[i];
	}
	if (cert_status_read(&question, answer)) {
		out->why = answer->why;
		return ERR_OK;
	}
	out->this_sec = answer->this_sec;
	out->next_sec = answer->next_sec;
	out->says = arena_alloc(a, (n + 1) * sizeof *out->says);
	out->since_sec = arena_alloc(a, (n + 1) * sizeof *out->since_sec);
	out->reason = arena_alloc(a, (n + 1) * sizeof *out->reason);
	out->n_says = out->n_since_sec = out->n_reason = n;
	for (size_t i = 0; i < n; i++) {
		out->says[i] = question.known[i].says;
		out->since_sec[i] = question.known[i].since_sec;
		out->reason[i] = question.known[i].reason;
	}
	return ERR_OK;
}

void
filterd_status_list(struct ipc *ipc, struct ipc_frame *frame)
{
	const Ipc__FilterStatus *q = (const Ipc__FilterStatus *)frame->msg;
	Ipc__FilterStated out = IPC__FILTER_STATED__INIT;
	struct slice octets = SLICE_EMPTY;
	struct arena a;
	enum err e = ERR_SYNTAX;

	arena_init(&a, 16384);
	if (q->size <= CERT_STATUS_LIST_MAX && q->n_serial <= FILTERD_STATUS_SERIALS_MAX &&
		q->n_authority == q->n_serial)
		e = read_file(frame->fd, q->size, &a, &octets);
	if (!e)
		e = read_list(q, octets, &a, &out);
	ipc_answer(ipc, ipc_ticket(frame), e, &out.base);
	arena_reset(&a);
	/* OpenSSL needs 40 MiB for the largest list, and the next one may come tomorrow. */
	if (q->size > LARGE)
		malloc_trim(0);
	if (frame->fd >= 0)
		close(frame->fd);
}

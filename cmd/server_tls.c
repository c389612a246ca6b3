#include "cmd/server_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "crypto/keyd_client.h"
#include "crypto/tls_cert.h"

/* False: unreadable; the chain is empty then. */
static bool
read_chain(struct server_tls *t, int fd)
{
	ssize_t n = pread(fd, buf_room(&t->chain, SERVER_TLS_FILE_MAX), SERVER_TLS_FILE_MAX, 0);

	buf_grow(&t->chain, n > 0 ? (size_t)n : 0);
	return n > 0;
}

void
server_tls_read(struct server_tls *t, struct proc *p, struct slice alpn)
{
	char path[512];
	int fd;

	*t = (struct server_tls){.p = p, .alpn = alpn};
	buf_init(&t->chain, SERVER_TLS_FILE_MAX);
	proc_path(p, "tls/cert.pem", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !read_chain(t, fd))
		log_warn("%s: %s: no TLS (`hairpin init` makes one)", path,
			fd < 0 ? strerror(errno) : "empty or unreadable");
	if (fd >= 0)
		close(fd);
	tls_init();
}

static enum err
make_servers(struct server_tls *t, const struct tls_identity *id)
{
	struct tls_server_settings set = {.chain_pem = id->chain_pem,
		.key = id->key,
		.sign = id->sign,
		.sign_arg = id->sign_arg,
		.ticket_secret = slice_of(t->p->ticket_secret, sizeof t->p->ticket_secret),
		.alpn = t->alpn};
	struct tls_server *server, *asking = NULL;
	enum err e = tls_server_new(&set, &server);

	/* Who is known by a certificate proves it each time: nothing is resumed. */
	set.ticket_secret = SLICE_EMPTY;
	set.asks_caller = true;
	if (!e && t->has_callers && (e = tls_server_new(&set, &asking)))
		tls_server_free(server);
	if (e)
		return e;
	tls_server_free(t->server);
	tls_server_free(t->asking);
	t->server = server;
	t->asking = asking;
	return ERR_OK;
}

/* What stands in the chain replaces what was served until now, if it can be used. */
static bool
take_chain(struct server_tls *t)
{
	struct tls_identity id = {buf_slice(&t->chain), 0, keyd_client_sign, t->p->ipc};
	enum err e = tls_cert_key_id(id.chain_pem, &id.key);

	if (!e)
		e = t->client ? tls_client_identify(t->client, &id) : make_servers(t, &id);
	buf_fini(&t->chain);
	if (e)
		log_error("tls/cert.pem: %s: %s", err_text(e),
			t->server   ? "the old one stays"
			: t->client ? "none is shown"
				    : "no TLS");
	return !e;
}

static void
on_file(void *arg, struct ipc_frame *f)
{
	struct server_tls *t = arg;

	if (f->fd < 0)
		return;
	if (!read_chain(t, f->fd))
		log_error("tls/cert.pem: empty or unreadable: the old one stays");
	else if (take_chain(t))
		log_info("tls/cert.pem: taken anew");
	close(f->fd);
}

void
server_tls_start(struct server_tls *t)
{
	if (t->chain.n)
		take_chain(t);
	ipc_on(t->p->ipc, IPC_TLS_FILE, on_file, t);
}

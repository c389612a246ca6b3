/* server_tls: TLS of a process that serves clients (smtpd, imapd), or that shows the same
 * certificate to other servers (courier): the certificate
 * chain, which is read while the process is privileged, and again, through an fd
 * from the parent, when the parent gets SIGHUP. Sessions that stand go on with the
 * old one. The private key is keyd's. */
#ifndef CMD_SERVER_TLS_H
#define CMD_SERVER_TLS_H

#include "cmd/proc.h"
#include "core/buf.h"
#include "crypto/tls_client.h"

enum { SERVER_TLS_FILE_MAX = 65536 };

struct server_tls {
	struct proc *p;
	struct slice alpn; /* borrowed for ever; may be empty */
	struct buf chain;
	struct tls_server *server; /* NULL: no certificate, no TLS */
	/* The same for listeners that know clients by certificates, if has_callers: it asks for
	 * one. */
	bool has_callers;
	struct tls_server *asking;
	/* Not NULL: there is no server; the certificate is shown by this client. */
	struct tls_client *client;
};

/* For a role's prepare. */
void server_tls_read(struct server_tls *t, struct proc *p, struct slice alpn);
/* For its start; has_callers and client are set. */
void server_tls_start(struct server_tls *t);

#endif

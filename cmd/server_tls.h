/* server_tls: TLS of a process that serves clients (smtpd, imapd): the certificate
 * chain, which is read while the process is privileged, and again, through an fd
 * from the parent, when the parent gets SIGHUP. Sessions that stand go on with the
 * old one. The private key is keyd's. */
#ifndef CMD_SERVER_TLS_H
#define CMD_SERVER_TLS_H

#include "cmd/proc.h"
#include "core/buf.h"
#include "crypto/tls.h"

enum { SERVER_TLS_FILE_MAX = 65536 };

struct server_tls {
	struct proc *p;
	struct slice alpn; /* borrowed for ever; may be empty */
	struct buf chain;
	struct tls_server *server; /* NULL: no certificate, no TLS */
};

/* For a role's prepare. */
void server_tls_read(struct server_tls *t, struct proc *p, struct slice alpn);
/* For its start. */
void server_tls_start(struct server_tls *t);

#endif

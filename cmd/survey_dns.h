/* survey_dns: asks the running server's resolver, by the control socket, a connection for each
 * question; the answer is read as a stranger's would be. */
#ifndef CMD_SURVEY_DNS_H
#define CMD_SURVEY_DNS_H

#include "core/dns.h"
#include "core/loop.h"

/* question is copied. Its callback comes exactly once, never before the return, with rcode
 * SERVFAIL when no answer came in the question's time. socket_path is borrowed until then. */
void survey_dns_ask(
	struct loop *loop, const char *socket_path, const struct dns_question *question);

#endif

/* survey_tls: judges how others see this node's own listeners: are they reached at the
 * addresses of the host name, is TLS offered, does the certificate do. */
#ifndef CMD_SURVEY_TLS_H
#define CMD_SURVEY_TLS_H

#include "cmd/survey_site.h"

/* After survey_host_judge. */
void survey_tls_judge(struct survey_site *s);

#endif

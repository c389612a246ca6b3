/* survey_host: judges the resolver, the addresses of the host name, and their reverse names. */
#ifndef CMD_SURVEY_HOST_H
#define CMD_SURVEY_HOST_H

#include "cmd/survey_site.h"

/* Fills s->host. False: the DNS answers nothing at all; that is found, and all there is to
 * say. */
bool survey_host_judge(struct survey_site *s);

#endif

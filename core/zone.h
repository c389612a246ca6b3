/* zone: the time zone in which the server writes dates (log lines, Date and Received
 * fields, the INTERNALDATE of what is delivered). The program holds the rules of all
 * zones itself (zone_table): no file of the host is needed. Until one is set it is
 * UTC. */
#ifndef CORE_ZONE_H
#define CORE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

/* A name of the IANA data base, such as Europe/Berlin or UTC. */
bool zone_is_known(const char *name);
/* Sets this process's zone (libc's TZ with it), at start. An unknown name changes nothing. */
void zone_set(const char *name);
/* Minutes east of Greenwich at that moment, for times from 2020 on. */
int16_t zone_offset_min(int64_t utc_sec);

#endif

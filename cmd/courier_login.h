/* courier_login: what this node says to smart hosts that want a login: read from files while
 * that is allowed, kept where secrets are. */
#ifndef CMD_COURIER_LOGIN_H
#define CMD_COURIER_LOGIN_H

#include "cmd/config_route.h"

struct courier_login;

/* Still privileged. Ends the process when a file can't be read, is another one's to read, or
 * holds no password: its first line. */
struct courier_login *courier_login_new(const struct config_routes *routes);
/* Both empty: the route has none. Live as long as l. */
void courier_login_get(const struct courier_login *l, const struct config_route *route,
	struct slice *user, struct slice *password);

#endif

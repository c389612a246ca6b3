#include "cmd/courier_login.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/proc.h"
#include "core/must.h"
#include "crypto/seal.h"

enum { PASSWORD_MAX = 1024 };

struct courier_login {
	const struct config_routes *routes;
	struct slice password[CONFIG_ROUTES_MAX]; /* beside routes->route */
};

static struct slice
read_password(const char *path)
{
	struct slice line;
	struct buf text;
	uint8_t *kept;

	if (access(path, R_OK))
		must_fatal("password_file in [relay]: %s: %s", path, strerror(errno));
	buf_init(&text, PASSWORD_MAX);
	proc_read_file(path, PROC_FILE_SECRET, PASSWORD_MAX, &text);
	line = slice_cut(buf_slice(&text), 0, slice_find(buf_slice(&text), '\n'));
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	if (!line.n)
		must_fatal("%s: its first line is empty: write the password there", path);
	kept = seal_secret_new(line.n);
	memcpy(kept, line.p, line.n);
	line.p = kept;
	buf_fini_secret(&text);
	return line;
}

struct courier_login *
courier_login_new(const struct config_routes *routes)
{
	struct courier_login *l = must_zalloc(sizeof *l);

	l->routes = routes;
	for (uint32_t i = 0; i < routes->n; i++)
		if (strcmp(routes->route[i].password_file, CONFIG_ROUTE_NONE) != 0)
			l->password[i] = read_password(routes->route[i].password_file);
	return l;
}

void
courier_login_get(const struct courier_login *l, const struct config_route *route,
	struct slice *user, struct slice *password)
{
	*password = l->password[route - l->routes->route];
	*user = password->n ? slice_str(route->user) : SLICE_EMPTY;
}

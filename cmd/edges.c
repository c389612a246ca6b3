#include "cmd/edges.h"

/* Who asks whom. */
static const enum role edges[][2] = {
	{ROLE_SMTPD, ROLE_STORE},
	{ROLE_SMTPD, ROLE_KEYD},
	{ROLE_SMTPD, ROLE_AUTH},
	{ROLE_SMTPD, ROLE_FILTERD},
	{ROLE_IMAPD, ROLE_STORE},
	{ROLE_IMAPD, ROLE_KEYD},
	{ROLE_IMAPD, ROLE_AUTH},
	{ROLE_COURIER, ROLE_STORE},
	{ROLE_COURIER, ROLE_KEYD},
	{ROLE_COURIER, ROLE_AUTH},
	{ROLE_COURIER, ROLE_FILTERD},
	{ROLE_FILTERD, ROLE_KEYD},
	{ROLE_COURIER, ROLE_RESOLVER},
	{ROLE_COURIER, ROLE_FETCH},
	{ROLE_FETCH, ROLE_RESOLVER},
	{ROLE_LINK, ROLE_STORE},
	{ROLE_LINK, ROLE_KEYD},
	{ROLE_STORE, ROLE_KEYD},
	{ROLE_AUTH, ROLE_KEYD},
};

bool
edges_asks(enum role a, enum role b)
{
	for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
		if (edges[i][0] == a && edges[i][1] == b)
			return true;
	return false;
}

bool
edges_has(enum role a, enum role b)
{
	return edges_asks(a, b) || edges_asks(b, a);
}

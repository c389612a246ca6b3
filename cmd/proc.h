/* proc: what every role does at its start, in the same order: config, prepare
 * (open what needs privilege), drop privileges, sandbox, peers, loop. */
#ifndef CMD_PROC_H
#define CMD_PROC_H

#include "cmd/config.h"
#include "core/ipc.h"
#include "core/loop.h"
#include "core/slice.h"

enum {
	PROC_PERMIT_KEY = 32,	 /* octets of a permit key */
	PROC_TICKET_SECRET = 80, /* octets of the TLS ticket secret */
	PROC_CONTROL_FD = 3,
	PROC_EXIT_FAIL_STOP =
		3, /* a child that ends with it ends the node: the database can't be trusted */
	PROC_EXIT_ANEW = 4 /* the store's: there is another database, for all that read it */
};

struct proc {
	struct config config;
	const struct proc_role *role;
	uint32_t instance;
	struct loop *loop;
	struct ipc *ipc;
	struct loop_timer
		*alone[ROLE_COUNT]; /* runs while nobody of a role that we ask is there */
	uint64_t boot;
	uint8_t permit_login_key[PROC_PERMIT_KEY], permit_item_key[PROC_PERMIT_KEY];
	bool has_login_key, has_item_key;
	uint8_t ticket_secret[PROC_TICKET_SECRET];
	const char *root; /* the data folder as this process sees it: "" when it is its root */
	int data_fd;	  /* the same, O_PATH; valid in every process */
	void *floor_page; /* PROC_FLOOR_PAGE octets, shared; writable in the store alone */
	void *state;	  /* the role's own */
};
enum { PROC_FLOOR_PAGE = 4096 };

/* What a role needs beyond its peers. */
enum proc_need {
	PROC_NEED_DB_READ = 1,	/* db/data.mdb, read only */
	PROC_NEED_DB_WRITE = 2, /* with the vault */
	PROC_NEED_SPOOL = 4,	/* O_TMPFILE in spool/ */
	PROC_NEED_ACCEPT = 8,	/* accepts connections from listeners handed to it */
	PROC_NEED_VAULT = 16,	/* vault/secrets, read only */
	PROC_NEED_CONNECT = 32, /* calls others, by TCP */
	PROC_NEED_DNS = 64,	/* the same, and by UDP */
	PROC_NEED_MEMFD = 128	/* texts above a part, sealed, in files in memory */
};

struct proc_role {
	enum role role;
	unsigned needs; /* enum proc_need */
	/* Still privileged: open files, keep them in p->state. Errors: say why with must_fatal.
	 * May be NULL. */
	void (*prepare)(struct proc *p);
	/* Sandboxed, Start received, ipc ready (peers may still come): register handlers. */
	void (*start)(struct proc *p);
	/* A listening socket; index into config.listener, or config.listeners for the courier's
	 * control socket. Takes fd. May be NULL. */
	void (*listener)(struct proc *p, uint32_t index, int fd);
	/* A process that it has an edge with came or went. May be NULL. */
	void (*peer)(struct proc *p, struct ipc_peer *peer, bool up);
	/* SIGTERM: finish what is at hand and stop; NULL: stop at once. */
	void (*stop)(struct proc *p);
};

/* One row per role; defined in their proc_*.c. */
extern const struct proc_role proc_store_role, proc_keyd_role, proc_auth_role, proc_smtpd_role,
	proc_imapd_role, proc_filterd_role, proc_courier_role, proc_link_role,
	proc_resolver_role, proc_fetch_role;

/* `hairpin role NAME INSTANCE CONFIG`, started by the parent. Never returns. */
_Noreturn void proc_main(const char *role_name, uint32_t instance, const char *config_path);
/* An open spool file without a name (O_TMPFILE), or -1 with errno. */
int proc_spool_file(struct proc *p);
/* For prepare: behind what out has, at most max octets of a file, whose end isn't looked for.
 * SECRET: nobody else may read it. OPTIONAL: none is fine. Else says why with must_fatal. */
enum proc_file { PROC_FILE_SECRET = 1, PROC_FILE_OPTIONAL = 2 };
void proc_read_file(const char *path, unsigned kind, size_t max, struct buf *out);
/* A path below the data folder, NUL-terminated into path. */
void proc_path(const struct proc *p, const char *below, char path[512]);

#endif

#include "cmd/smtpd_body.h"

#include <errno.h>
#include <unistd.h>

void
smtpd_body_init(struct smtpd_body *b)
{
	*b = (struct smtpd_body){.fd = -1};
	buf_init(&b->plain, SEAL_PART_PLAIN);
	buf_init(&b->sealed, SEAL_PART);
}

void
smtpd_body_end(struct smtpd_body *b)
{
	if (b->fd >= 0)
		close(b->fd);
	buf_fini_secret(&b->plain);
	buf_fini(&b->sealed);
	seal_wipe(&b->key, sizeof b->key);
	seal_wipe(&b->hasher, sizeof b->hasher);
	smtpd_body_init(b);
}

void
smtpd_body_begin(struct smtpd_body *b)
{
	smtpd_body_end(b);
	b->is_open = true;
	seal_key_new(&b->key);
	seal_hasher_init(&b->hasher, NULL);
}

void
smtpd_body_wipe_key(struct smtpd_body *b)
{
	seal_wipe(&b->key, sizeof b->key);
}

static void
fail(struct smtpd_body *b, int error)
{
	b->e = error == ENOSPC || error == EDQUOT ? ERR_FULL : ERR_IO;
	buf_fini_secret(&b->plain);
}

/* A full disk shows first as a short write. */
static enum err
write_all(struct smtpd_body *b, struct proc *p, struct slice s)
{
	if (b->fd < 0)
		b->fd = proc_spool_file(p);
	if (b->fd < 0) {
		fail(b, errno);
		return b->e;
	}
	while (s.n) {
		ssize_t n = write(b->fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fail(b, n < 0 ? errno : ENOSPC);
			return b->e;
		}
		s = slice_from(s, (size_t)n);
	}
	return ERR_OK;
}

/* Seals what is in plain as the next part into b->sealed. */
static void
seal_next(struct smtpd_body *b, bool is_last)
{
	uint8_t *to = buf_room(&b->sealed, b->plain.n + SEAL_TAG);

	seal_part(&b->key, b->parts++, is_last, buf_slice(&b->plain), to);
	buf_grow(&b->sealed, b->plain.n + SEAL_TAG);
	b->sealed_size += b->plain.n + SEAL_TAG;
	buf_clear(&b->plain);
}

void
smtpd_body_add(struct smtpd_body *b, struct proc *p, struct slice octets)
{
	while (octets.n && b->is_open && !b->e) {
		size_t room = SEAL_PART_PLAIN - b->plain.n;
		struct slice some = slice_cut(octets, 0, room);
		if (room == 0) { /* full, and not the last: more has come */
			buf_clear(&b->sealed);
			seal_next(b, false);
			write_all(b, p, buf_slice(&b->sealed));
			buf_clear(&b->sealed);
			continue;
		}
		buf_put_slice(&b->plain, some);
		seal_hasher_add(&b->hasher, some);
		b->size += some.n;
		octets = slice_from(octets, some.n);
	}
}

enum err
smtpd_body_to_spool(struct smtpd_body *b, struct proc *p)
{
	if (b->fd >= 0)
		return ERR_OK;
	if (write_all(b, p, buf_slice(&b->sealed)) == ERR_OK)
		buf_fini(&b->sealed);
	return b->e;
}

enum err
smtpd_body_finish(struct smtpd_body *b, struct proc *p)
{
	if (b->e)
		return b->e;
	seal_next(b, true);
	buf_fini_secret(&b->plain);
	seal_hasher_done(&b->hasher, b->hash);
	if (b->fd >= 0 && write_all(b, p, buf_slice(&b->sealed)) == ERR_OK)
		buf_fini(&b->sealed);
	return b->e;
}

/* apply_mailbox: making, renaming, deleting mailboxes. Names are UTF-8 in
 * canonical form, '/' separates, INBOX in upper case. Missing parents are
 * made. What a deleted mailbox held is swept later by bounded commands. */
#ifndef STORE_APPLY_MAILBOX_H
#define STORE_APPLY_MAILBOX_H

#include "store/apply.h"

enum {
	APPLY_MAILBOX_NAME_MAX = 480,
	APPLY_MAILBOX_COUNT_MAX = 10000,
	APPLY_MAILBOX_DEPTH_MAX = 20
};

enum err apply_mailbox_create(struct apply *a, const Commands__MailboxCreate *c);
enum err apply_mailbox_delete(struct apply *a, const Commands__MailboxDelete *c);
/* With its children. INBOX: its messages move into the new mailbox, a new empty INBOX is
 * made. */
enum err apply_mailbox_rename(struct apply *a, const Commands__MailboxRename *c);
enum err apply_mailbox_subscribe(struct apply *a, const Commands__Subscribe *c);

/* For other commands. Makes a mailbox (id = next free one at this index), draws UIDVALIDITY
 * from r; the caller writes r back. */
enum err apply_mailbox_make(struct apply *a, uint64_t account, Commands__Account *r,
	struct slice name, Commands__Mailbox **out);
/* INBOX or an existing one by name, else made. */
enum err apply_mailbox_for_delivery(
	struct apply *a, uint64_t account, struct slice name, Commands__Mailbox **out);
/* Row and name (of a stage: its sweep row too) go now, messages later. The caller writes r
 * back. */
enum err apply_mailbox_drop(struct apply *a, Commands__Account *r, const Commands__Mailbox *m);
/* Stages too. */
enum err apply_mailbox_delete_all(struct apply *a, uint64_t account);

#endif

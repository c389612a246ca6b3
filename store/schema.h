/* schema: the keys of every table, and the hot record `message` octet by octet.
 * Integers are big-endian, so that LMDB's order is theirs. Pure.
 *
 *   table         key                           value
 *   ------------  ----------------------------  ---------------------------------------------
 *   meta          name (text)                   raft_log.h; "format" and "digest": db.c
 *   log           index u64                     raft_log.h
 *   body          index u64, row u32            that entry's sealed payload: rows of at most
 *                                               SCHEMA_SMALL_ROW octets if its sealed size is
 *                                               below SCHEMA_INLINE_MAX, else one row for each
 *                                               part (SCHEMA_PART_SEALED)
 *   setting       name                          octets
 *   domain        A-label domain                commands.Domain
 *   address       canonical local@domain,       commands.Address
 *                 or @domain
 *   account       account u64                   commands.Account
 *   vault         kind u8, id u64               wrap_kind u8, flags u8, index u64, hash 32,
 *                   'a' account                   and for 'q' the public key 32: what the
 *                   'q' queue key                 vault's file (vault.h) holds, without the
 *                   'k' private key               secret itself, whose hash it is
 *                   'l' 0: the newest log key
 *   epoch         account u64, epoch u64        epoch key, sealed to the account's public key
 *   sent          account u64                   hour u32, 24 times n u32: recipients of its
 *                                               submissions in that hour (since 1970), in the
 *                                               one before, and so on (sending.h)
 *   mailbox       mailbox u64                   commands.Mailbox
 *   mailbox_name  account u64, name             mailbox u64 (a stage's name: NUL, its id)
 *   message       mailbox u64, uid u32          below
 *   change        mailbox u64, modseq u64,      u8: 0 it is there, 1 expunged; a row that isn't
 *                 uid u32                       its message's newest change says nothing
 *   item          item u64                      commands.Item
 *   rcpt          item u64, number u32          commands.RcptRow
 *   due           owner_node u32, sec u64,      empty (recipients that wait for the courier of
 *                 item u64, number u32          who runs that node's items: sec is the next
 *                                               try; in stage relay the deadline)
 *   relay         owner_node u32, hop, NUL,     empty (recipients in stage relay)
 *                 lane u8, next_try_sec u64,
 *                 item u64, number u32
 *   hop           owner_node u32, hop           commands.Hop (a next hop that somebody waits
 *                                               for in relay)
 *   hop_due       owner_node u32,               empty
 *                 next_try_sec u64, hop
 *   owner         node u32                      runs_node u32, boot u64, epoch u64,
 *                                               since u64, wants u64: who runs the items
 *                                               that node took in, for the epoch-th time
 *                                               another one, since that log entry; wants: a
 *                                               boot of node that gets them back, or 0
 *   repeat        repeat key                    item u64, until_sec u64
 *   repeat_due    until_sec u64, repeat key     empty
 *   sts           domain (A-labels)             commands.Sts: its MTA-STS policy
 *   sts_due       until_sec u64, domain         empty
 *   cert          address, NUL, SHA-256         commands.Cert (address: canonical, or @domain;
 *                                               SHA-256 of the certificate's DER)
 *   key           key u64                       commands.Key: a private key
 *   key_of        address, NUL, kind u8,        empty (commands.Key.Kind; of a DKIM key the
 *                 key u64                       address is the domain)
 *   trust         SHA-256                       commands.Trust
 *   policy        NUL, level                    commands.Policy (level: as crypto/policy.h
 *                                               names them, empty: the cluster's)
 *   status        SHA-256                       commands.Status: what is known of that
 *                                               certificate's revocation
 *   status_due    until_sec u64, SHA-256        empty
 *   authority     SHA-256                       commands.Authority: between certificates and
 *                                               those that are trusted
 *   opened        SCHEMA_OPENED_HASH octets     until_sec u64: a mail that was decrypted here
 *                                               (schema_trace_hash of its Message-ID)
 *   opened_due    until_sec u64, hash           empty
 *   trace         index u64, n u32              schema_trace.h: the n-th thing that the entry
 *                                               did to a mail
 *   upload        upload u64                    commands.UploadRow
 *   payload       payload u64                   commands.PayloadRow
 *   garbage       index u64                     empty (each node frees those below its first
 *                                               log row)
 *   sweep         kind u8, id u64               what is still to go
 *                   'm' mailbox                   empty
 *                   's' stage                     until_sec u64, then it is dropped
 *   proposer      node u32, seq u64             boot u64, commands.Result
 *                   seq 0                         boot u64, answered_below u64
 *
 * An id is the log index of the command that made it. Its top octet is the
 * number of the Raft group, 0 today. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "core/slice.h"

enum {
	SCHEMA_PART_PLAIN = 65504, /* payload octets of plain text in a part */
	SCHEMA_PART_SEALED = 65520,
	SCHEMA_INLINE_MAX = 16384, /* sealed bodies below this use small rows */
	SCHEMA_SMALL_ROW = 2016,
	/* Sealed octets that one log entry may carry: whole parts. */
	SCHEMA_ENTRY_BODY_MAX = 4 * SCHEMA_PART_SEALED,
	SCHEMA_KEYWORDS_MAX = 64,
	SCHEMA_WRAPPED_KEY = 72,
	SCHEMA_HOP_MAX = 300, /* octets of a next hop's name */
	SCHEMA_LANES = 16,
	SCHEMA_SHA256 = 32,
	SCHEMA_OPENED_HASH = 16,
	SCHEMA_REASON_HOLD = 6, /* CRLReason certificateHold: revoked, and maybe not for good */
	/* Octets of an address, @domain or domain in cert and key_of, of a level in policy: a
	 * hop's name has it behind SCHEMA_KEY_HOP. */
	SCHEMA_NAME_MAX = SCHEMA_HOP_MAX - 4
};
/* As crypto/gateway.proto has it; a test compares them. */
enum schema_trust {
	SCHEMA_TRUST_HARVESTED = 1,
	SCHEMA_TRUST_DISCOVERED,
	SCHEMA_TRUST_VERIFIED,
	SCHEMA_TRUST_MANUAL
};
/* Behind this and a canonical address waits who misses a certificate. */
#define SCHEMA_KEY_HOP "key:"

enum schema_flag {
	SCHEMA_SEEN = 1,
	SCHEMA_ANSWERED = 2,
	SCHEMA_FLAGGED = 4,
	SCHEMA_DELETED = 8,
	SCHEMA_DRAFT = 16
};
enum schema_special_use {
	SCHEMA_USE_NONE,
	SCHEMA_USE_ARCHIVE,
	SCHEMA_USE_DRAFTS,
	SCHEMA_USE_JUNK,
	SCHEMA_USE_SENT,
	SCHEMA_USE_TRASH,
	SCHEMA_USE_FLAGGED,
	SCHEMA_USE_ALL
};

/* Table message, format 1: a fixed part, then the variable parts in this order without gaps.
 *
 *     0  u8   format (1)
 *     1  u8   wrap_kind (0: by an epoch's key)
 *     2  u8   flags
 *     3  u8   zero
 *     4  u16  octets of delivered_to
 *     6  u16  zero
 *     8  u64  keywords (bit n: the mailbox's keyword n)
 *    16  u64  modseq
 *    24  i64  internal_date_sec
 *    32  i16  zone_min
 *    34  u16  zero
 *    36  u32  head_size (plain)
 *    40  u64  size (payload, plain)
 *    48  u64  payload id
 *    56  u64  epoch
 *    64  u32  octets of sealed_head
 *    68  u32  octets of sealed_index
 *    72  u64  save_date_sec
 *    80  72   wrapped key
 *   152       delivered_to, sealed_head, sealed_index
 *
 * RFC822.SIZE is size + head_size, and if there is a delivered_to the octets of
 * "Delivered-To: " delivered_to CRLF. */
enum { SCHEMA_MESSAGE_FORMAT = 1, SCHEMA_MESSAGE_FIXED = 152 };

struct schema_message {
	uint8_t wrap_kind, flags;
	uint64_t keywords, modseq;
	int64_t internal_date_sec;
	int16_t zone_min;
	uint32_t head_size;
	uint64_t size, payload, epoch, save_date_sec;
	struct slice wrapped_key, delivered_to, sealed_head, sealed_index; /* borrowed */
};
/* False: not a row of format 1 (damaged). */
bool schema_message_read(struct slice row, struct schema_message *m);
/* Octets of the row; writes it when room >= that. */
size_t schema_message_write(const struct schema_message *m, uint8_t *row, size_t room);
uint64_t schema_message_size(const struct schema_message *m);

/* Of a queue key, in table vault. */
enum schema_queue_key_flag {
	SCHEMA_RETIRED = 1, /* an account was deleted: to be destroyed soon, whatever waits */
	SCHEMA_CLOSED = 2   /* no new item may be sealed to it */
};
/* Table vault. index: the log entry that brought the secret. */
enum { SCHEMA_VAULT_FIXED = 42, SCHEMA_PUBLIC_KEY = 32 };
struct schema_vault {
	uint8_t wrap_kind, flags;
	uint64_t index;
	const uint8_t *hash;	 /* SEAL_HASH octets; borrowed */
	struct slice public_key; /* empty, or SCHEMA_PUBLIC_KEY octets; borrowed */
};
/* The id that a row's secret has in the vault: the row's own, but for the newest log key. */
uint64_t schema_vault_id(const uint8_t key[9], uint64_t index);
/* False: damaged. */
bool schema_vault_read(struct slice row, struct schema_vault *v);
struct slice schema_vault_write(
	const struct schema_vault *v, uint8_t row[SCHEMA_VAULT_FIXED + SCHEMA_PUBLIC_KEY]);

enum { SCHEMA_OWNER_SIZE = 36 };
struct schema_owner {
	uint32_t runs_node;
	uint64_t boot, epoch, since, wants;
};
/* False: damaged. */
bool schema_owner_read(struct slice row, struct schema_owner *o);
struct slice schema_owner_write(const struct schema_owner *o, uint8_t row[SCHEMA_OWNER_SIZE]);

/* Keys: build into k (which has room), return the slice over it. */
struct schema_key {
	uint8_t b[24];
};
struct slice schema_u64(struct schema_key *k, uint64_t a);
struct slice schema_u64_u64(struct schema_key *k, uint64_t a, uint64_t b);
struct slice schema_u64_u32(struct schema_key *k, uint64_t a, uint32_t b);
struct slice schema_u64_u64_u32(struct schema_key *k, uint64_t a, uint64_t b, uint32_t c);
struct slice schema_u32(struct schema_key *k, uint32_t a);
struct slice schema_due(struct schema_key *k, uint32_t node, uint64_t next_try_sec,
	uint64_t item, uint32_t number);
/* The name of a next hop: 1 to SCHEMA_HOP_MAX octets without NUL. */
bool schema_is_hop(struct slice name);
/* Who sends to a hop through which lane: 0 to SCHEMA_LANES - 1. */
uint8_t schema_lane(struct slice sender);
struct schema_hop_key {
	uint8_t b[4 + SCHEMA_HOP_MAX + 1 + 1 + 8 + 8 + 4];
};
/* A row of table relay. lane is below SCHEMA_LANES. */
struct schema_relay {
	uint32_t node;
	struct slice hop; /* schema_is_hop */
	uint8_t lane;
	uint64_t next_try_sec, item;
	uint32_t number;
};
struct slice schema_hop(struct schema_hop_key *k, uint32_t node, struct slice hop);
struct slice schema_hop_due(
	struct schema_hop_key *k, uint32_t node, uint64_t next_try_sec, struct slice hop);
struct slice schema_relay_key(struct schema_hop_key *k, const struct schema_relay *r);
/* False: damaged. hop is borrowed from key. */
bool schema_relay_read(struct slice key, struct schema_relay *r);
struct schema_sts_due {
	uint8_t b[8 + 253];
};
/* domain: at most 253 octets. */
struct slice schema_sts_due(struct schema_sts_due *k, uint64_t until_sec, struct slice domain);
/* May it be an address, @domain, domain or level: 1 to SCHEMA_NAME_MAX octets without NUL? */
bool schema_is_name(struct slice name);
struct schema_name_key {
	uint8_t b[SCHEMA_NAME_MAX + 1 + SCHEMA_SHA256];
};
/* All of these want a schema_is_name; sha256: SCHEMA_SHA256 octets, or none for the rows of
 * that address alone. */
struct slice schema_cert(struct schema_name_key *k, struct slice address, struct slice sha256);
struct slice schema_key_of(
	struct schema_name_key *k, struct slice address, uint8_t kind, uint64_t key);
/* False: damaged. address is borrowed from row_key. */
bool schema_key_of_read(
	struct slice row_key, struct slice *address, uint8_t *kind, uint64_t *key);
/* level may be empty. */
struct slice schema_policy(struct schema_name_key *k, struct slice level);
struct slice schema_opened_due(
	struct schema_key *k, uint64_t until_sec, const uint8_t hash[SCHEMA_OPENED_HASH]);
struct schema_status_due {
	uint8_t b[8 + SCHEMA_SHA256];
};
/* sha256: SCHEMA_SHA256 octets. */
struct slice schema_status_due(
	struct schema_status_due *k, uint64_t until_sec, struct slice sha256);
/* Is it the name of a stage (apply_stage.h)? */
static inline bool
schema_is_stage(struct slice mailbox_name)
{
	return mailbox_name.n && mailbox_name.p[0] == '\0';
}
struct slice schema_u8_u64(struct schema_key *k, uint8_t a, uint64_t b);
uint64_t schema_get_u64(const uint8_t *p);
uint32_t schema_get_u32(const uint8_t *p);
void schema_set_u64(uint8_t *p, uint64_t v);
void schema_set_u32(uint8_t *p, uint32_t v);

#endif

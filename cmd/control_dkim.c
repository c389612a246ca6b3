#include "cmd/control_dkim.h"

#include <stdio.h>
#include <strings.h>
#include <sysexits.h>
#include <time.h>

#include "cmd/control_list.h"
#include "cmd/publish.h"
#include "cmd/resolve.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/dns_record.h"
#include "core/rand.h"
#include "crypto/dkim_sign.h"
#include "crypto/keyring.h"
#include "store/view_directory.h"
#include "store/view_key.h"

/* KEYS_MAX: of a domain, by table key. */
enum { KINDS = 2, KEYS_MAX = KINDS * VIEW_KEY_MAX, SPKI_MAX = 4096, TEXT_MAX = 4096 };

static const Commands__Key__Kind kind_of[KINDS] = {
	[DKIM_KEY_RSA] = COMMANDS__KEY__KIND__DKIM_RSA,
	[DKIM_KEY_ED25519] = COMMANDS__KEY__KIND__DKIM_ED25519};

/* Those of a domain: of each kind the newest first, those that sign before the others. */
struct keys {
	struct view_key key[KEYS_MAX];
	size_t n;
};

static enum dkim_key_kind
kind_in(const Commands__Key *key)
{
	return key->kind == COMMANDS__KEY__KIND__DKIM_RSA ? DKIM_KEY_RSA : DKIM_KEY_ED25519;
}

static enum err
read_keys(struct control_request *r, struct db_txn *txn, struct slice domain, struct keys *out)
{
	struct view_keys found;
	enum err e = ERR_OK;

	out->n = 0;
	for (size_t kind = 0; kind < KINDS && !e; kind++) {
		e = view_key_of(txn, domain, kind_of[kind], &r->arena, &found);
		for (size_t i = 0; !e && i < found.n; i++)
			out->key[out->n++] = found.list[i];
	}
	return e;
}

/* False: failed. must_be: there has to be such a domain, or a key of it. */
static bool
get_keys(struct control_request *r, struct slice domain, bool must_be, struct keys *out)
{
	struct db_txn *txn = domain.n ? control_read(r) : NULL;
	Commands__Domain *record;
	enum err e;

	if (!txn)
		return false;
	e = read_keys(r, txn, domain, out);
	if (!e && !out->n && must_be)
		e = view_directory_domain(txn, domain, &r->arena, &record);
	view_end(r->courier->view);
	if (e == ERR_NOT_FOUND)
		control_fail(r, EX_NOUSER, "%.*s: no such domain (`hairpin domain list`)",
			SLICE_FMT(domain));
	else if (e)
		control_fail(r, EX_TEMPFAIL, "the database: %s", err_text(e));
	return !e;
}

/* --- showing --- */

/* A key that doesn't sign waits for it if it is younger than the one that does. */
static const char *
state_of(const struct keys *all, const Commands__Key *key)
{
	if (!key->old)
		return "signs";
	for (size_t i = 0; i < all->n; i++)
		if (all->key[i].key->kind == key->kind && !all->key[i].key->old)
			return all->key[i].key->created_sec <= key->created_sec ? "waits"
										: "old";
	return "waits";
}

static json_t *
key_json(struct control_request *r, struct slice domain, const struct keys *all,
	const Commands__Key *key)
{
	struct publish_record record = {.type = "TXT"};
	struct buf text, line, name;
	json_t *row = json_object();

	buf_init(&text, TEXT_MAX);
	buf_init(&line, PUBLISH_LINE);
	buf_init(&name, TEXT_MAX);
	if (!json_object_get(r->in, "domain"))
		json_object_set_new(row, "domain", control_json(domain));
	json_object_set_new(row, "selector", json_string(key->selector));
	json_object_set_new(row, "key", json_string(dkim_key_name(kind_in(key))));
	json_object_set_new(row, "state", json_string(state_of(all, key)));
	json_object_set_new(row, "created", json_integer((json_int_t)key->created_sec));
	if (json_object_get(r->in, "domain") || json_is_true(json_object_get(r->in, "raw"))) {
		dkim_key_record(codec_slice(key->public_key), &text);
		buf_printf(&name, "%s._domainkey.%.*s", key->selector, SLICE_FMT(domain));
		record.name = buf_slice(&name);
		record.data = buf_slice(&text);
		publish_format(&record, &line);
		json_object_set_new(row,
			json_is_true(json_object_get(r->in, "raw")) ? "text" : "record",
			control_json(json_is_true(json_object_get(r->in, "raw"))
					     ? buf_slice(&text)
					     : buf_slice(&line)));
	}
	buf_fini(&text);
	buf_fini(&line);
	buf_fini(&name);
	return row;
}

static json_t *
list_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	Commands__Key *key = codec_unpack(&commands__key__descriptor, v, &r->arena);
	struct keys all;

	(void)k;
	if (!key || (key->kind != COMMANDS__KEY__KIND__DKIM_RSA &&
			    key->kind != COMMANDS__KEY__KIND__DKIM_ED25519))
		return NULL;
	if (read_keys(r, txn, codec_slice(key->address), &all))
		return NULL;
	return key_json(r, codec_slice(key->address), &all, key);
}

static void
dkim_list(struct control_request *r)
{
	control_list(r, DB_KEY, list_row);
}

/* only: with that state, NULL: all. */
static void
reply(struct control_request *r, struct slice domain, const char *only)
{
	json_t *rows = json_array();
	struct keys all;

	if (!get_keys(r, domain, true, &all)) {
		json_decref(rows);
		return;
	}
	for (size_t i = 0; i < all.n; i++)
		if (!only || !strcmp(only, state_of(&all, all.key[i].key)))
			json_array_append_new(rows, key_json(r, domain, &all, all.key[i].key));
	control_reply(r, json_pack("{s:o}", "rows", rows));
}

static void
dkim_show(struct control_request *r)
{
	struct slice domain = control_domain(r, "domain");

	if (domain.n)
		reply(r, domain, NULL);
}

/* --- commands, one after another --- */

struct series {
	Commands__Command command[KEYS_MAX + 1];
	Commands__KeyPut put[KEYS_MAX + 1];
	Commands__KeyDel del[KEYS_MAX + 1];
	size_t n, at;
	struct slice domain; /* whose keys are replied in the end; empty: none are */
};

static void go_on(struct control_request *r);

static void
on_done(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct control_request *r = arg;
	struct series *s = r->state;

	if (control_is_done(r, e, answer)) {
		s->at++;
		go_on(r);
	}
}

static void
go_on(struct control_request *r)
{
	struct series *s = r->state;

	if (s->at < s->n)
		courier_propose(r->courier, &s->command[s->at], SLICE_EMPTY, on_done, r);
	else if (s->domain.n)
		reply(r, s->domain, NULL);
	else
		control_reply(r, NULL);
}

static struct series *
new_series(struct control_request *r)
{
	struct series *s = arena_zalloc(&r->arena, sizeof *s);

	r->state = s;
	return s;
}

static void
add_set(struct series *s, const struct view_key *key, bool old)
{
	Commands__KeyPut *put = &s->put[s->n];

	commands__key_put__init(put);
	put->id = key->id;
	put->record = key->key;
	put->record->old = old;
	commands__command__init(&s->command[s->n]);
	s->command[s->n].body_case = COMMANDS__COMMAND__BODY_KEY_PUT;
	s->command[s->n++].key_put = put;
}

static void
add_del(struct series *s, uint64_t id)
{
	Commands__KeyDel *del = &s->del[s->n];

	commands__key_del__init(del);
	del->id = id;
	commands__command__init(&s->command[s->n]);
	s->command[s->n].body_case = COMMANDS__COMMAND__BODY_KEY_DEL;
	s->command[s->n++].key_del = del;
}

void
control_dkim_end(struct control_request *r, struct slice domain)
{
	struct series *s = new_series(r);
	struct keys all;

	if (!get_keys(r, domain, false, &all))
		return;
	s->command[s->n++] = r->command;
	for (size_t i = 0; i < all.n && s->n <= KEYS_MAX; i++)
		add_del(s, all.key[i].id);
	go_on(r);
}

/* --- new keys --- */

struct making {
	struct slice domain;
	char selector[KINDS][DKIM_SIGN_SELECTOR_MAX + 1];
	unsigned kind, end; /* the next one, and behind the last one */
	bool waits;
	const char *shows; /* in the end: keys with this state */
	uint64_t id;
	struct buf pkcs8, spki;
};

static void make_next(struct control_request *r);

static void
stop_making(struct making *m)
{
	buf_fini_secret(&m->pkcs8);
	buf_fini(&m->spki);
}

static void
on_put(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct control_request *r = arg;
	struct making *m = r->state;

	if (!control_is_done(r, e, answer)) {
		stop_making(m);
		return;
	}
	m->kind++;
	make_next(r);
}

static void
on_sealed(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct control_request *r = arg;
	struct making *m = r->state;
	const Ipc__KeydSealedKey *a = (const Ipc__KeydSealedKey *)answer;
	Commands__Key record = COMMANDS__KEY__INIT;
	Commands__KeyPut put = COMMANDS__KEY_PUT__INIT;
	Commands__Command cmd = COMMANDS__COMMAND__INIT;

	if (e) {
		stop_making(m);
		control_fail(r, EX_TEMPFAIL, "keyd: %s", err_text(e));
		return;
	}
	record.kind = kind_of[m->kind];
	record.address = codec_bytes(m->domain);
	record.public_key = codec_bytes(buf_slice(&m->spki));
	record.sealed = a->sealed;
	record.selector = m->selector[m->kind];
	record.old = m->waits;
	put.id = m->id;
	put.record = &record;
	put.wrapped_secret = a->wrapped_secret;
	cmd.body_case = COMMANDS__COMMAND__BODY_KEY_PUT;
	cmd.key_put = &put;
	courier_propose(r->courier, &cmd, SLICE_EMPTY, on_put, r);
}

static void
ask_seal(struct control_request *r)
{
	struct making *m = r->state;
	Ipc__KeydSealKey q = IPC__KEYD_SEAL_KEY__INIT;

	m->id = (rand_u64() >> 8) | 1;
	q.id = m->id;
	q.pkcs8 = codec_bytes(buf_slice(&m->pkcs8));
	ipc_ask(r->courier->p->ipc, IPC_KEYD_SEAL_KEY, &q.base, -1,
		(struct ipc_wait){COURIER_ASK_MS, on_sealed, r});
	buf_fini_secret(&m->pkcs8);
}

static void
make_next(struct control_request *r)
{
	struct making *m = r->state;
	enum err e;

	buf_clear(&m->spki);
	if (m->kind == m->end) {
		stop_making(m);
		reply(r, m->domain, m->shows);
		return;
	}
	e = dkim_key_new((enum dkim_key_kind)m->kind, &m->pkcs8, &m->spki);
	if (!e) {
		ask_seal(r);
		return;
	}
	stop_making(m);
	control_fail(r, EX_SOFTWARE, "a key can't be made: %s", err_text(e));
}

static struct making *
new_making(struct control_request *r, struct slice domain)
{
	struct making *m = arena_zalloc(&r->arena, sizeof *m);

	m->domain = domain;
	m->end = KINDS;
	buf_init(&m->pkcs8, KEYRING_PRIVATE_MAX);
	buf_init(&m->spki, SPKI_MAX);
	r->state = m;
	return m;
}

static const struct view_key *
find_selector(const struct keys *all, const char *selector)
{
	for (size_t i = 0; i < all->n; i++)
		if (!strcasecmp(all->key[i].key->selector, selector))
			return &all->key[i];
	return NULL;
}

/* "rsa-20261127": a name that no key of before had, which servers may still have in mind. */
static void
choose_selector(struct making *m, const struct keys *all, unsigned kind)
{
	time_t now = (time_t)clock_wall_sec();
	char *out = m->selector[kind];
	const size_t room = sizeof m->selector[kind];
	const char *name = publish_selector((enum dkim_key_kind)kind);
	struct tm day;
	int n;

	gmtime_r(&now, &day);
	n = snprintf(out, room, "%s-%04d%02d%02d", name, day.tm_year + 1900, day.tm_mon + 1,
		day.tm_mday);
	for (unsigned i = 2; find_selector(all, out); i++)
		snprintf(out + n, room - (size_t)n, "-%u", i);
}

void
control_dkim_begin(struct control_request *r, struct slice domain)
{
	struct making *m;
	struct keys all;

	if (!get_keys(r, domain, false, &all))
		return;
	m = new_making(r, domain);
	if (all.n)
		m->kind = m->end;
	for (unsigned kind = 0; kind < KINDS; kind++)
		snprintf(m->selector[kind], sizeof m->selector[kind], "%s",
			publish_selector((enum dkim_key_kind)kind));
	make_next(r);
}

static void
dkim_rotate(struct control_request *r)
{
	struct slice domain = control_domain(r, "domain");
	struct making *m;
	struct keys all;

	if (!get_keys(r, domain, true, &all))
		return;
	for (size_t i = 0; i < all.n; i++)
		if (!strcmp(state_of(&all, all.key[i].key), "waits")) {
			control_fail(r, EX_DATAERR,
				"%s waits already: `hairpin dkim activate %.*s` when the DNS "
				"has it, or `hairpin dkim delete`",
				all.key[i].key->selector, SLICE_FMT(domain));
			return;
		}
	m = new_making(r, domain);
	m->waits = all.n > 0;
	m->shows = m->waits ? "waits" : NULL;
	for (unsigned kind = 0; kind < KINDS; kind++)
		choose_selector(m, &all, kind);
	make_next(r);
}

/* One that is in use elsewhere already: it waits, as it may not be in the DNS. */
static void
dkim_import(struct control_request *r)
{
	struct slice domain = control_domain(r, "domain");
	const char *selector = control_text(r, "selector"), *pem = control_text(r, "pem");
	enum dkim_key_kind kind;
	struct making *m;
	struct keys all;
	enum err e;

	if (!get_keys(r, domain, true, &all))
		return;
	if (!selector || !dkim_sign_is_selector(slice_str(selector)) ||
		find_selector(&all, selector)) {
		control_fail(r, EX_USAGE,
			"a selector that the domain doesn't have yet is needed, of letters, "
			"digits and hyphens");
		return;
	}
	m = new_making(r, domain);
	e = dkim_key_import(slice_str(pem), &kind, &m->pkcs8, &m->spki);
	if (e) {
		stop_making(m);
		control_fail(r, EX_DATAERR, "that isn't %s",
			e == ERR_SYNTAX ? "a private key in PEM, without a password"
					: "an RSA key of 1024 to 8192 bits or an Ed25519 key");
		return;
	}
	m->kind = (unsigned)kind;
	m->end = m->kind + 1;
	m->waits = true;
	m->shows = "waits";
	snprintf(m->selector[kind], sizeof m->selector[kind], "%s", selector);
	ask_seal(r);
}

/* --- activate, delete --- */

/* What is asked of the DNS before. */
struct seeing {
	struct keys all;
	const struct view_key *key[KINDS]; /* to be activated */
	size_t n, at;
	struct slice domain;
};

static void look_next(struct control_request *r);

static void
activate(struct control_request *r, const struct seeing *see)
{
	struct series *s = new_series(r);

	s->domain = see->domain;
	for (size_t i = 0; i < see->n; i++)
		add_set(s, see->key[i], false);
	for (size_t i = 0; i < see->all.n; i++) {
		const struct view_key *one = &see->all.key[i];

		for (size_t k = 0; k < see->n; k++)
			if (one->key->kind == see->key[k]->key->kind &&
				one->id != see->key[k]->id && !one->key->old)
				add_set(s, one, true);
	}
	go_on(r);
}

/* The strings of a TXT record, one behind the other (RFC 6376 section 3.6.2.2). */
static bool
is_text(struct slice rdata, struct slice text)
{
	while (rdata.n) {
		struct slice one = slice_cut(rdata, 1, 1 + (size_t)rdata.p[0]);

		if (!slice_starts(text, one))
			return false;
		text = slice_from(text, one.n);
		rdata = slice_from(rdata, 1 + (size_t)rdata.p[0]);
	}
	return text.n == 0;
}

static void
on_seen(void *arg, const struct dns_answer *answer)
{
	struct control_request *r = arg;
	struct seeing *see = r->state;
	const Commands__Key *key = see->key[see->at]->key;
	bool is_there = false;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	dkim_key_record(codec_slice(key->public_key), &text);
	for (size_t i = 0; i < answer->message.n; i++)
		is_there |= is_text(answer->message.rdata[i], buf_slice(&text));
	buf_fini(&text);
	if (!is_there) {
		control_fail(r, EX_TEMPFAIL,
			"the DNS doesn't have the record of %s yet (`hairpin dkim show %.*s` "
			"prints it; it may take as long as its TTL): mail signed with it "
			"wouldn't be believed; --force activates it all the same",
			key->selector, SLICE_FMT(see->domain));
		return;
	}
	see->at++;
	look_next(r);
}

static void
look_next(struct control_request *r)
{
	struct seeing *see = r->state;
	struct dns_question q = {
		.type = DNS_RECORD_TXT, .timeout_ms = RESOLVE_MS, .cb = on_seen, .arg = r};
	struct buf name;
	enum err e;

	if (see->at == see->n || json_is_true(json_object_get(r->in, "force"))) {
		activate(r, see);
		return;
	}
	buf_init(&name, TEXT_MAX);
	buf_printf(&name, "%s._domainkey.%.*s", see->key[see->at]->key->selector,
		SLICE_FMT(see->domain));
	e = dns_name_parse(buf_slice(&name), &q.name);
	buf_fini(&name);
	if (e)
		control_fail(r, EX_DATAERR, "the selector and the domain are too long");
	else
		resolve_ask(r->courier->p->ipc, &q);
}

static void
dkim_activate(struct control_request *r)
{
	struct slice domain = control_domain(r, "domain");
	const char *selector = control_text(r, "selector");
	struct seeing *see = arena_zalloc(&r->arena, sizeof *see);

	r->state = see;
	see->domain = domain;
	if (!get_keys(r, domain, true, &see->all))
		return;
	for (size_t i = 0; i < see->all.n; i++) {
		const struct view_key *one = &see->all.key[i];
		bool is_meant = selector ? !strcasecmp(one->key->selector, selector)
					 : !strcmp(state_of(&see->all, one->key), "waits");

		if (is_meant && (!see->n || see->key[see->n - 1]->key->kind != one->key->kind))
			see->key[see->n++] = one;
	}
	if (!see->n)
		control_fail(r, EX_NOUSER,
			"%.*s has no key %s (`hairpin dkim show` lists them)",
			SLICE_FMT(domain), selector ? "of that selector" : "that waits");
	else
		look_next(r);
}

static void
dkim_delete(struct control_request *r)
{
	struct slice domain = control_domain(r, "domain");
	const char *selector = control_text(r, "selector");
	const struct view_key *key;
	struct series *s;
	struct keys all;

	if (!get_keys(r, domain, true, &all))
		return;
	key = find_selector(&all, selector ? selector : "");
	if (!key) {
		control_fail(r, EX_NOUSER,
			"%.*s has no key of that selector (`hairpin dkim show` lists them)",
			SLICE_FMT(domain));
		return;
	}
	if (!key->key->old && !json_is_true(json_object_get(r->in, "force"))) {
		control_fail(r, EX_DATAERR,
			"mail is signed with it now: activate another one first, or use "
			"--force");
		return;
	}
	s = new_series(r);
	add_del(s, key->id);
	go_on(r);
}

const struct control_verb control_dkim_verbs[] = {
	{"dkim list", dkim_list},
	{"dkim show", dkim_show},
	{"dkim rotate", dkim_rotate},
	{"dkim import", dkim_import},
	{"dkim activate", dkim_activate},
	{"dkim delete", dkim_delete},
	{NULL, NULL},
};

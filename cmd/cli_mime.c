#include "cmd/cli_mime.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_verbs.h"
#include "core/mail_addr.h"
#include "core/mail_header.h"
#include "core/mail_word.h"
#include "core/must.h"
#include "imap/imap_body.h"

enum { CHUNK = 65536, OUTPUT_MAX = 64 * 1024 * 1024 };

/* Standard input, scanned as it comes. NULL: it can't be read; that was said. */
static struct mail_scan *
scan_input(void)
{
	struct mail_scan *s = mail_scan_new();
	uint8_t *chunk = must_alloc(CHUNK);
	ssize_t n;

	while ((n = read(STDIN_FILENO, chunk, CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		mail_scan_feed(s, slice_of(chunk, (size_t)n));
	}
	free(chunk);
	if (n < 0) {
		cli_fail(EX_IOERR, "standard input: %s", strerror(errno));
		mail_scan_free(s);
		return NULL;
	}
	mail_scan_finish(s);
	return s;
}

/* --- the JSON tree -------------------------------------------------------------------- */

/* JSON knows UTF-8 only. */
static json_t *
text(struct slice s)
{
	struct buf b;
	json_t *j;

	buf_init(&b, s.n * 3 + 16);
	charset_to_utf8(CHARSET_UTF_8, s, &b);
	j = json_stringn(b.n ? (const char *)b.p : "", b.n);
	buf_fini(&b);
	return j;
}

/* The first field of that name, decoded; nothing when there is none. */
static void
set_field(json_t *to, const char *key, struct slice fields, const char *name)
{
	struct mail_field f;
	struct buf b;

	if (!mail_header_find(fields, slice_str(name), &f))
		return;
	buf_init(&b, f.body.n * 3 + 16);
	mail_word_decode(f.body, &b);
	json_object_set_new(to, key, text(buf_slice(&b)));
	buf_fini(&b);
}

static json_t *
params(const struct mail_type *t)
{
	json_t *list = json_object();
	struct arena arena;

	arena_init(&arena, 0);
	for (size_t i = 0; i < t->param_count; i++) {
		struct buf b;

		buf_init(&b, t->params[i].name.n * 3 + 16);
		charset_to_utf8(CHARSET_UTF_8, t->params[i].name, &b);
		json_object_set_new(
			list, arena_str(&arena, buf_slice(&b)), text(t->params[i].value));
		buf_fini(&b);
	}
	arena_reset(&arena);
	return list;
}

static void
set_filename(json_t *to, const struct mail_type *t, const char *name)
{
	struct buf b;
	size_t size = 16;

	for (size_t i = 0; i < t->param_count; i++)
		size += t->params[i].value.n * 3;
	buf_init(&b, size);
	if (mail_word_param(t, slice_str(name), &b) && !json_object_get(to, "filename"))
		json_object_set_new(to, "filename", text(buf_slice(&b)));
	buf_fini(&b);
}

static json_t *
range(uint64_t from, uint64_t to)
{
	return json_pack("{s:I, s:I}", "from", (json_int_t)from, "to", (json_int_t)to);
}

static void
set_type(json_t *to, const struct mail_part *p)
{
	struct mail_type t, disposition;
	struct mail_field f;
	struct arena arena;
	struct buf b;

	arena_init(&arena, 0);
	mail_scan_type(p, &arena, &t);
	buf_init(&b, t.type.n + t.subtype.n + 1);
	buf_put_slice(&b, t.type);
	buf_put_u8(&b, '/');
	buf_put_slice(&b, t.subtype);
	json_object_set_new(to, "type", text(buf_slice(&b)));
	buf_fini(&b);
	if (t.param_count)
		json_object_set_new(to, "params", params(&t));
	if (mail_header_find(p->fields, SLICE_LIT("Content-Disposition"), &f) &&
		mail_type_parse_value(f.body, &arena, &disposition)) {
		json_object_set_new(to, "disposition", text(disposition.type));
		set_filename(to, &disposition, "filename");
	}
	set_filename(to, &t, "name");
	arena_reset(&arena);
}

static json_t *
tree(const struct mail_part *parts, uint32_t number)
{
	static const char *const kinds[] = {"leaf", "multipart", "message"};
	static const char *const fields[][2] = {{"date", "Date"}, {"subject", "Subject"},
		{"from", "From"}, {"to", "To"}, {"cc", "Cc"}, {"message_id", "Message-ID"},
		{"id", "Content-ID"}, {"description", "Content-Description"}};
	const struct mail_part *p = &parts[number];
	json_t *j = json_object(), *children;

	json_object_set_new(j, "kind", json_string(kinds[p->kind]));
	set_type(j, p);
	json_object_set_new(
		j, "encoding", json_string(mail_decode_name((enum mail_encoding)p->encoding)));
	if (p->is_text && p->kind == MAIL_PART_LEAF)
		json_object_set_new(
			j, "charset", json_string(charset_name((enum charset)p->charset)));
	json_object_set_new(j, "header", range(p->header_at, p->body_at));
	json_object_set_new(j, "body", range(p->body_at, p->end_at));
	json_object_set_new(j, "lines", json_integer((json_int_t)p->lines));
	if (p->is_cut)
		json_object_set_new(j, "opaque", json_true());
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		set_field(j, fields[i][0], p->fields, fields[i][1]);
	if (p->kind == MAIL_PART_LEAF)
		return j;
	children = json_array();
	for (uint32_t i = p->child; i != MAIL_SCAN_NONE; i = parts[i].next)
		json_array_append_new(children, tree(parts, i));
	json_object_set_new(j, "children", children);
	return j;
}

int
cli_mime_dump(const struct cli_line *line)
{
	struct mail_scan *s = scan_input();
	const struct mail_part *parts;
	uint32_t count;
	int code;

	(void)line;
	if (!s)
		return EX_IOERR;
	parts = mail_scan_parts(s, &count);
	code = cli_put_json(json_pack("{s:I, s:I, s:o}", "size", (json_int_t)mail_scan_size(s),
		"parts", (json_int_t)count, "message", tree(parts, 0)));
	mail_scan_free(s);
	return code;
}

/* --- as IMAP says it -------------------------------------------------------------------- */

int
cli_mime_imap(const struct cli_line *line)
{
	struct imap_body b = {0};
	struct mail_scan *s = scan_input();
	struct buf out;
	bool ok;

	if (!s)
		return EX_IOERR;
	b.parts = mail_scan_parts(s, &b.count);
	buf_init(&out, OUTPUT_MAX);
	if (!strcmp(line->verb->name, "imap envelope"))
		ok = imap_body_envelope(&b, 0, &out);
	else
		ok = imap_body_structure(
			&b, !strcmp(line->verb->name, "imap bodystructure"), &out, NULL);
	buf_put_u8(&out, '\n');
	ok = ok && fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
	buf_fini(&out);
	mail_scan_free(s);
	return ok ? EX_OK : cli_fail(EX_IOERR, "the answer can't be written");
}

/* --- addresses -------------------------------------------------------------------------- */

static void
show_address(const struct mail_addr *m, const struct mail_addr *canonical, bool is_json)
{
	struct slice base, detail;
	struct buf name;
	json_t *j;

	buf_init(&name, 4096);
	mail_addr_format(canonical, &name);
	mail_addr_split(canonical->local, SLICE_LIT("+"), &base, &detail);
	if (is_json) {
		j = json_pack("{s:o, s:o, s:o, s:b, s:b, s:b}", "local", text(m->local),
			"domain", text(m->domain), "canonical", text(buf_slice(&name)),
			"smtputf8", m->is_utf8, "literal", m->is_literal, "null", m->is_null);
		if (detail.n)
			json_object_set_new(j, "detail", text(detail));
		cli_put_json(j);
	} else {
		printf("local      %.*s\ndomain     %.*s\ncanonical  %.*s\n",
			SLICE_FMT(m->local), SLICE_FMT(m->domain), SLICE_FMT(buf_slice(&name)));
		if (detail.n)
			printf("detail     %.*s\n", SLICE_FMT(detail));
		if (m->is_utf8)
			puts("smtputf8   needed");
	}
	buf_fini(&name);
}

static const char *
parse(struct slice raw, struct arena *a, struct mail_addr *m, struct mail_addr *canonical)
{
	const char *why;
	size_t used = raw.n;

	if (raw.n && raw.p[0] == '<')
		why = mail_addr_parse_path(raw, a, &used, m);
	else
		why = mail_addr_parse(raw, a, m);
	if (!why && used != raw.n)
		why = "there is something behind the path";
	return why ? why : mail_addr_canonical(m, a, canonical);
}

int
cli_mime_addr(const struct cli_line *line)
{
	const char *address = line->word[0], *why;
	struct mail_addr m, canonical;
	struct arena arena;

	arena_init(&arena, 0);
	why = parse(slice_str(address), &arena, &m, &canonical);
	if (!why)
		show_address(&m, &canonical, cli_has(line, "--json"));
	arena_reset(&arena);
	return why ? cli_fail(EX_DATAERR, "%s: %s", address, why) : EX_OK;
}

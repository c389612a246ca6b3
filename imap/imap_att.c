#include "imap/imap_att.h"

static const struct {
	const char *name;
	enum imap_att_kind kind;
} SIMPLE[] = {
	{"UID", IMAP_ATT_UID},
	{"FLAGS", IMAP_ATT_FLAGS},
	{"INTERNALDATE", IMAP_ATT_INTERNALDATE},
	{"RFC822.SIZE", IMAP_ATT_SIZE},
	{"MODSEQ", IMAP_ATT_MODSEQ},
	{"ENVELOPE", IMAP_ATT_ENVELOPE},
	{"BODYSTRUCTURE", IMAP_ATT_BODYSTRUCTURE},
	{"RFC822.HEADER", IMAP_ATT_RFC822_HEADER},
	{"RFC822.TEXT", IMAP_ATT_RFC822_TEXT},
	{"RFC822", IMAP_ATT_RFC822},
};

static bool
put(struct imap_parse *p, struct imap_fetch *f, const struct imap_att *att)
{
	/* Room is kept for three that commands add (UID, FLAGS, MODSEQ). */
	if (f->n == IMAP_ATT_MAX)
		return imap_parse_fail(p, "Too many attributes");
	f->atts[f->n++] = *att;
	f->kinds |= 1u << att->kind;
	return true;
}

void
imap_att_add(struct imap_fetch *f, enum imap_att_kind kind)
{
	if (imap_att_has(f, kind) || f->n >= IMAP_ATT_MAX + 3)
		return;
	f->atts[f->n++] = (struct imap_att){.kind = kind};
	f->kinds |= 1u << kind;
}

static bool
fields(struct imap_parse *p, struct imap_att *att)
{
	if (!imap_parse_space(p) || !imap_parse_char(p, '('))
		return false;
	att->fields = arena_alloc(p->arena, IMAP_ATT_FIELDS_MAX * sizeof *att->fields);
	do {
		if (att->n_fields == IMAP_ATT_FIELDS_MAX)
			return imap_parse_fail(p, "Too many header fields");
		if (!imap_parse_astring(p, &att->fields[att->n_fields++]))
			return false;
	} while (imap_parse_skip(p, ' '));
	return imap_parse_char(p, ')');
}

static bool
section_text(struct imap_parse *p, struct imap_att *att)
{
	if (imap_parse_word(p, "HEADER.FIELDS.NOT")) {
		att->text = IMAP_ATT_FIELDS_NOT;
		return fields(p, att);
	}
	if (imap_parse_word(p, "HEADER.FIELDS")) {
		att->text = IMAP_ATT_FIELDS;
		return fields(p, att);
	}
	if (imap_parse_word(p, "HEADER"))
		att->text = IMAP_ATT_HEADER;
	else if (imap_parse_word(p, "TEXT"))
		att->text = IMAP_ATT_TEXT;
	else if (att->n_parts && imap_parse_word(p, "MIME"))
		att->text = IMAP_ATT_MIME;
	else
		return imap_parse_fail(p, "Invalid section");
	return true;
}

/* Behind "[": numbers, then for BODY a text name. */
static bool
section(struct imap_parse *p, struct imap_att *att)
{
	bool has_more = true;

	if (imap_parse_skip(p, ']'))
		return true;
	att->parts = arena_alloc(p->arena, IMAP_ATT_PARTS_MAX * sizeof *att->parts);
	while (has_more && p->text.n && p->text.p[0] >= '0' && p->text.p[0] <= '9') {
		if (att->n_parts == IMAP_ATT_PARTS_MAX)
			return imap_parse_fail(p, "Section too deep");
		if (!imap_parse_nz_number(p, &att->parts[att->n_parts++]))
			return false;
		has_more = imap_parse_skip(p, '.');
	}
	if (has_more && (att->kind != IMAP_ATT_SECTION || !section_text(p, att)))
		return imap_parse_fail(p, "Invalid section");
	return imap_parse_skip(p, ']') || imap_parse_fail(p, "Invalid section");
}

static bool
partial(struct imap_parse *p, struct imap_att *att)
{
	if (!imap_parse_skip(p, '<'))
		return true;
	att->has_partial = true;
	if (!imap_parse_number64(p, &att->partial_from) || !imap_parse_char(p, '.') ||
		!imap_parse_number64(p, &att->partial_n))
		return false;
	if (att->partial_n == 0)
		return imap_parse_fail(p, "Partial of no octets");
	return imap_parse_char(p, '>');
}

static bool
sectioned(struct imap_parse *p, struct imap_fetch *f, enum imap_att_kind kind, bool is_peek)
{
	struct imap_att att = {.kind = kind};

	if (!imap_parse_char(p, '[') || !section(p, &att))
		return false;
	if (kind != IMAP_ATT_BINARY_SIZE && !partial(p, &att))
		return false;
	f->sets_seen |= !is_peek;
	return put(p, f, &att);
}

static bool
one(struct imap_parse *p, struct imap_fetch *f)
{
	struct imap_att att = {0};

	if (imap_parse_word(p, "BODY.PEEK"))
		return sectioned(p, f, IMAP_ATT_SECTION, true);
	if (imap_parse_word(p, "BINARY.PEEK"))
		return sectioned(p, f, IMAP_ATT_BINARY, true);
	if (imap_parse_word(p, "BINARY.SIZE"))
		return sectioned(p, f, IMAP_ATT_BINARY_SIZE, true);
	if (imap_parse_word(p, "BINARY"))
		return sectioned(p, f, IMAP_ATT_BINARY, false);
	if (imap_parse_word(p, "BODY")) {
		if (imap_parse_is(p, '['))
			return sectioned(p, f, IMAP_ATT_SECTION, false);
		att.kind = IMAP_ATT_BODY;
		return put(p, f, &att);
	}
	for (size_t i = 0; i < sizeof SIMPLE / sizeof *SIMPLE; i++) {
		if (!imap_parse_word(p, SIMPLE[i].name))
			continue;
		att.kind = SIMPLE[i].kind;
		if (att.kind == IMAP_ATT_RFC822_HEADER)
			att.text = IMAP_ATT_HEADER;
		if (att.kind == IMAP_ATT_RFC822_TEXT)
			att.text = IMAP_ATT_TEXT;
		f->sets_seen |= att.kind == IMAP_ATT_RFC822 || att.kind == IMAP_ATT_RFC822_TEXT;
		return put(p, f, &att);
	}
	return imap_parse_fail(p, "Unknown FETCH attribute");
}

static bool
macro(struct imap_parse *p, struct imap_fetch *f)
{
	bool is_all = imap_parse_word(p, "ALL"), is_full = false;

	if (!is_all)
		is_full = imap_parse_word(p, "FULL");
	if (!is_all && !is_full && !imap_parse_word(p, "FAST"))
		return false;
	imap_att_add(f, IMAP_ATT_FLAGS);
	imap_att_add(f, IMAP_ATT_INTERNALDATE);
	imap_att_add(f, IMAP_ATT_SIZE);
	if (is_all || is_full)
		imap_att_add(f, IMAP_ATT_ENVELOPE);
	if (is_full)
		imap_att_add(f, IMAP_ATT_BODY);
	return true;
}

static bool
modifiers(struct imap_parse *p, struct imap_fetch *f)
{
	if (!imap_parse_skip(p, ' '))
		return true;
	if (!imap_parse_char(p, '('))
		return false;
	do {
		if (f->has_changed_since || !imap_parse_word(p, "CHANGEDSINCE"))
			return imap_parse_fail(p, "Unknown FETCH modifier");
		f->has_changed_since = true;
		if (!imap_parse_space(p) || !imap_parse_number64(p, &f->changed_since))
			return false;
	} while (imap_parse_skip(p, ' '));
	imap_att_add(f, IMAP_ATT_MODSEQ);
	return imap_parse_char(p, ')');
}

bool
imap_att_parse(struct imap_parse *p, struct imap_fetch *out)
{
	struct imap_fetch f = {0};

	f.atts = arena_alloc(p->arena, (IMAP_ATT_MAX + 3) * sizeof *f.atts);
	if (imap_parse_skip(p, '(')) {
		do {
			if (!one(p, &f))
				return false;
		} while (imap_parse_skip(p, ' '));
		if (!imap_parse_char(p, ')'))
			return false;
	} else if (!macro(p, &f) && !one(p, &f)) {
		return false;
	}
	if (!modifiers(p, &f))
		return false;
	*out = f;
	return true;
}

static void
write_field(struct slice f, struct buf *out)
{
	bool is_atom = f.n > 0;

	for (size_t i = 0; i < f.n; i++)
		is_atom &= imap_parse_is_astring_char(f.p[i]);
	if (is_atom) {
		buf_put_slice(out, f);
		return;
	}
	/* What isn't a name of a field can match none: it is echoed without the octets
	 * that no quoted string may hold. */
	buf_put_u8(out, '"');
	for (size_t i = 0; i < f.n; i++) {
		if (f.p[i] == '"' || f.p[i] == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, f.p[i] < ' ' || f.p[i] >= 0x7f ? '?' : f.p[i]);
	}
	buf_put_u8(out, '"');
}

static void
write_fields(const struct imap_att *att, struct buf *out)
{
	for (uint32_t i = 0; i < att->n_fields; i++) {
		buf_put_str(out, i ? " " : " (");
		write_field(att->fields[i], out);
	}
	buf_put_u8(out, ')');
}

static void
write_section(const struct imap_att *att, struct buf *out)
{
	static const char *const names[] = {
		"", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"};

	buf_put_u8(out, '[');
	for (uint32_t i = 0; i < att->n_parts; i++) {
		if (i)
			buf_put_u8(out, '.');
		buf_put_dec(out, att->parts[i]);
	}
	if (att->n_parts && att->text != IMAP_ATT_WHOLE)
		buf_put_u8(out, '.');
	buf_put_str(out, names[att->text]);
	if (att->text == IMAP_ATT_FIELDS || att->text == IMAP_ATT_FIELDS_NOT)
		write_fields(att, out);
	buf_put_u8(out, ']');
	if (att->has_partial) {
		buf_put_u8(out, '<');
		buf_put_dec(out, att->partial_from);
		buf_put_u8(out, '>');
	}
}

void
imap_att_write(const struct imap_att *att, struct buf *out)
{
	for (size_t i = 0; i < sizeof SIMPLE / sizeof *SIMPLE; i++) {
		if (SIMPLE[i].kind == att->kind) {
			buf_put_str(out, SIMPLE[i].name);
			return;
		}
	}
	buf_put_str(out, att->kind == IMAP_ATT_BINARY	     ? "BINARY"
			 : att->kind == IMAP_ATT_BINARY_SIZE ? "BINARY.SIZE"
							     : "BODY");
	if (att->kind != IMAP_ATT_BODY)
		write_section(att, out);
}

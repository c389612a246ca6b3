#include "core/mail_type.h"

struct slice
mail_type_skip_blank(struct slice s)
{
	size_t i = 0, depth = 0;

	for (; i < s.n; i++) {
		if (s.p[i] == '(')
			depth++;
		else if (s.p[i] == ')' && depth)
			depth--;
		else if (s.p[i] == '\\' && depth)
			i += i + 1 < s.n;
		else if (!depth && s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r' &&
			 s.p[i] != '\n')
			break;
	}
	return slice_from(s, i);
}

static bool
ends_token(uint8_t c, bool is_strict)
{
	if (c <= ' ' || c == 127 || c == ';' || c == ',' || c == '"' || c == '(')
		return true;
	return is_strict && (c == '/' || c == '=');
}

struct slice
mail_type_token(struct slice *s, bool is_strict)
{
	size_t n = 0;
	struct slice token;

	while (n < s->n && !ends_token(s->p[n], is_strict))
		n++;
	token = slice_cut(*s, 0, n);
	*s = slice_from(*s, n);
	return token;
}

struct slice
mail_type_quoted(struct slice *s, struct arena *a)
{
	size_t i = 1, n = 0;
	bool is_plain = true;
	uint8_t *to;

	for (; i < s->n && s->p[i] != '"'; i++) {
		if (s->p[i] == '\\' && i + 1 < s->n)
			i++;
		else if (s->p[i] != '\r' && s->p[i] != '\n')
			continue;
		is_plain = false;
	}
	if (is_plain) {
		struct slice inner = slice_cut(*s, 1, i);

		*s = slice_from(*s, i + 1);
		return inner;
	}
	to = arena_alloc(a, i);
	for (size_t k = 1; k < i && k < s->n; k++) {
		if (s->p[k] == '\\' && k + 1 < i)
			k++;
		else if (s->p[k] == '\r' || s->p[k] == '\n')
			continue;
		to[n++] = s->p[k];
	}
	*s = slice_from(*s, i + 1);
	return slice_of(to, n);
}

/* At the first octet behind a ';'. */
static bool
take_param(struct slice *s, struct arena *a, struct mail_param *out)
{
	*s = mail_type_skip_blank(*s);
	out->name = mail_type_token(s, true);
	*s = mail_type_skip_blank(*s);
	if (out->name.n == 0 || s->n == 0 || s->p[0] != '=')
		return false;
	*s = mail_type_skip_blank(slice_from(*s, 1));
	if (s->n && s->p[0] == '"')
		out->value = mail_type_quoted(s, a);
	else
		out->value = mail_type_token(s, false);
	return true;
}

static void
take_params(struct slice s, struct arena *a, struct mail_type *out)
{
	struct mail_param params[MAIL_TYPE_PARAMS_MAX];
	size_t count = 0;

	while (count < MAIL_TYPE_PARAMS_MAX) {
		/* What is no parameter, or follows one, is passed over. */
		s = slice_from(s, slice_find(s, ';'));
		if (s.n == 0)
			break;
		s = slice_from(s, 1);
		count += take_param(&s, a, &params[count]);
	}
	out->param_count = count;
	out->params = NULL;
	if (count) {
		out->params = arena_alloc(a, count * sizeof params[0]);
		memcpy(out->params, params, count * sizeof params[0]);
	}
}

bool
mail_type_parse_value(struct slice body, struct arena *a, struct mail_type *out)
{
	struct mail_type t = {0};

	body = mail_type_skip_blank(body);
	t.type = mail_type_token(&body, true);
	if (t.type.n == 0)
		return false;
	take_params(body, a, &t);
	*out = t;
	return true;
}

bool
mail_type_parse(struct slice body, struct arena *a, struct mail_type *out)
{
	struct mail_type t = {0};

	body = mail_type_skip_blank(body);
	t.type = mail_type_token(&body, true);
	body = mail_type_skip_blank(body);
	if (t.type.n == 0 || body.n == 0 || body.p[0] != '/')
		return false;
	body = mail_type_skip_blank(slice_from(body, 1));
	t.subtype = mail_type_token(&body, true);
	if (t.subtype.n == 0)
		return false;
	take_params(body, a, &t);
	*out = t;
	return true;
}

bool
mail_type_param(const struct mail_type *t, struct slice name, struct slice *value)
{
	for (size_t i = 0; i < t->param_count; i++) {
		if (slice_eq_nocase(t->params[i].name, name)) {
			*value = t->params[i].value;
			return true;
		}
	}
	return false;
}

bool
mail_type_is(const struct mail_type *t, struct slice type, struct slice subtype)
{
	return slice_eq_nocase(t->type, type) && slice_eq_nocase(t->subtype, subtype);
}

#include "crypto/cert_address.h"

#include <openssl/err.h>

#include "core/mail_addr.h"
#include "crypto/cert_x509.h"

struct names {
	struct arena *arena;
	struct slice *name;
	size_t n;
};

static bool
is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] & 0x80)
			return false;
	return true;
}

static void
add(struct names *to, const ASN1_STRING *string, bool may_be_utf8)
{
	struct slice raw = slice_of(
		ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
	struct mail_addr m;

	/* RFC 9598 section 3: an rfc822Name is ASCII, all else a SmtpUTF8Mailbox. */
	if (to->n == CERT_ADDRESS_MAX || slice_has(raw, 0) || (!may_be_utf8 && !is_ascii(raw)))
		return;
	if (mail_addr_parse(raw, to->arena, &m) || m.is_null)
		return;
	to->name[to->n++] = arena_dup(to->arena, raw);
}

static void
add_general(struct names *to, const GENERAL_NAME *g)
{
	const OTHERNAME *other;

	if (g->type == GEN_EMAIL)
		add(to, g->d.rfc822Name, false);
	if (g->type != GEN_OTHERNAME)
		return;
	other = g->d.otherName;
	if (OBJ_obj2nid(other->type_id) == NID_id_on_SmtpUTF8Mailbox && other->value &&
		other->value->type == V_ASN1_UTF8STRING)
		add(to, other->value->value.utf8string, true);
}

static void
add_subject(struct names *to, X509 *cert)
{
	const X509_NAME *subject = X509_get_subject_name(cert);

	for (int i = -1;
		(i = X509_NAME_get_index_by_NID(subject, NID_pkcs9_emailAddress, i)) >= 0;)
		add(to, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)), false);
}

size_t
cert_address_list(struct slice der, struct arena *a, struct slice name[CERT_ADDRESS_MAX])
{
	struct names to = {a, name, 0};
	X509 *cert = cert_x509_parse(der);
	GENERAL_NAMES *all;
	int where = -1;

	if (!cert)
		return 0;
	all = X509_get_ext_d2i(cert, NID_subject_alt_name, &where, NULL);
	for (int i = 0; all && i < sk_GENERAL_NAME_num(all); i++)
		add_general(&to, sk_GENERAL_NAME_value(all, i));
	/* -1: there is none. Two of them, or one that can't be read, isn't none. */
	if (!all && where == -1)
		add_subject(&to, cert);
	GENERAL_NAMES_free(all);
	X509_free(cert);
	ERR_clear_error();
	return to.n;
}

static bool
is_same(const struct mail_addr *x, const struct mail_addr *y, struct arena *a)
{
	struct slice p, q;

	if (!slice_eq(x->local, y->local) || x->is_literal != y->is_literal)
		return false;
	if (x->is_literal)
		return slice_eq_nocase(x->domain, y->domain);
	return !mail_addr_parse_domain(x->domain, a, &p) &&
	       !mail_addr_parse_domain(y->domain, a, &q) && slice_eq(p, q);
}

bool
cert_address_is(struct slice der, struct slice address)
{
	struct slice name[CERT_ADDRESS_MAX];
	struct mail_addr wanted, has;
	struct arena a;
	bool is = false;
	size_t n;

	arena_init(&a, 0);
	n = mail_addr_parse(address, &a, &wanted) ? 0 : cert_address_list(der, &a, name);
	for (size_t i = 0; i < n && !is; i++)
		is = !mail_addr_parse(name[i], &a, &has) && is_same(&wanted, &has, &a);
	arena_reset(&a);
	return is;
}

/* control_cert_row: certificates, keys and their names in the answers to the command line. */
#ifndef CMD_CONTROL_CERT_ROW_H
#define CMD_CONTROL_CERT_ROW_H

#include "cmd/control.h"
#include "crypto/cert_info.h"

enum {
	CONTROL_CERT_NAME_MIN = 8, /* digits of a certificate's or key's hash that name it */
	CONTROL_CERT_NAME = 16,	   /* that a list shows */
	CONTROL_CERT_ID = 14	   /* digits of a private key's id */
};

/* Hexadecimal, the first n octets. */
json_t *control_cert_hex(struct slice octets, size_t n);
/* "RSA 2048"; "?" */
json_t *control_cert_key_text(struct slice spki);
/* Adds what a certificate says: subject, issuer, serial, from, ends, key, usage ... True: it
 * says that it is revoked, as OpenPGP's do. */
bool control_cert_put(json_t *out, struct slice der, struct arena *a);
/* Has it a key to encrypt mail to at that time? Its own end aside. */
bool control_cert_can_encrypt(struct slice der, uint64_t now_sec, struct arena *a);
/* The same as PEM would be read: base64 of the DER. */
json_t *control_cert_base64(struct slice octets);
/* The named array of base64 texts; at most max. False: failed, and said so. */
bool control_cert_octets(
	struct control_request *r, const char *name, struct slice *list, size_t max, size_t *n);
/* The named text, of at most max octets, to be wiped with the request. Empty: there is none. */
struct slice control_cert_secret(struct control_request *r, const char *name, size_t max);
/* The id in the named text. 0: failed, and said so. */
uint64_t control_cert_id(struct control_request *r, const char *name);
void control_cert_id_text(uint64_t id, char text[CONTROL_CERT_ID + 1]);

#endif

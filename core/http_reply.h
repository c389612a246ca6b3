/* http_reply: a server's reply to one GET of HTTP/1.1 (RFC 9110, RFC 9112), the only one of its
 * connection. Its end must be told by Content-Length or chunks: an end by closing, which
 * anybody on the way can bring about, counts as no end. What asks for more than that (other
 * codings, folded fields) is refused. Pure. */
#ifndef CORE_HTTP_REPLY_H
#define CORE_HTTP_REPLY_H

#include "core/buf.h"
#include "core/err.h"

/* HEAD: octets of all that isn't body: status lines, fields, sizes of chunks, trailers.
 * TYPE: of the media type that are kept; a longer one is none. */
enum { HTTP_REPLY_HEAD_MAX = 16384, HTTP_REPLY_TYPE_MAX = 100 };

enum http_reply_state {
	HTTP_REPLY_STATUS,
	HTTP_REPLY_FIELDS,
	HTTP_REPLY_BODY,
	HTTP_REPLY_CHUNK_SIZE,
	HTTP_REPLY_CHUNK,
	HTTP_REPLY_CHUNK_END,
	HTTP_REPLY_TRAILERS,
	HTTP_REPLY_DONE
};
struct http_reply {
	/* For the caller once http_reply_feed said ERR_OK. */
	unsigned status; /* 200 to 599 */
	struct buf type; /* media type without parameters, lower case: "text/plain"; or empty */
	struct buf body; /* empty unless the status is 200 */
	/* Its own. */
	enum http_reply_state state;
	struct buf line;
	size_t head; /* octets so far */
	uint64_t left;
	bool is_old; /* HTTP/1.0 */
	bool has_length, is_chunked, has_coding;
};

/* body_max: octets of body that are taken. */
void http_reply_init(struct http_reply *r, size_t body_max);
void http_reply_fini(struct http_reply *r);
/* The next octets of the connection, however they are cut. ERR_OK: the reply is whole, or its
 * status isn't 200, when its body isn't wanted; what comes behind isn't looked at. ERR_MORE: it
 * goes on. ERR_SYNTAX: not HTTP. ERR_UNSUPPORTED: its end can't be told, or it has a coding
 * that isn't known. ERR_LIMIT: more than HTTP_REPLY_HEAD_MAX. ERR_TOO_BIG: the body, known as
 * soon as its length is. After any of those but ERR_MORE it must not be called again. */
enum err http_reply_feed(struct http_reply *r, struct slice in);

#endif

/* cli_mime: the verbs that look at a mail or an address from outside, without a
 * server, a database or a configuration. Each gets argv from its second word on
 * and returns sysexits' codes; what is wrong goes to standard error. */
#ifndef CMD_CLI_MIME_H
#define CMD_CLI_MIME_H

/* mime dump <MAIL: a JSON tree of the parts with offsets in octets. */
int cli_mime_run(int argc, char **argv);
/* imap bodystructure|body|envelope <MAIL: as IMAP would say it. */
int cli_mime_imap(int argc, char **argv);
/* addr parse ADDRESS [--json]: what it is made of and its canonical form; 65
 * (EX_DATAERR) and the reason when it is none. ADDRESS may be a path in <>. */
int cli_mime_addr(int argc, char **argv);

#endif

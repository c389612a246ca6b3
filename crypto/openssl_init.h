/* openssl_init: OpenSSL begun as this program wants it: no configuration of the host's, nothing
 * to do at exit. TLS has its own beginning, tls_init, which does this too. */
#ifndef CRYPTO_OPENSSL_INIT_H
#define CRYPTO_OPENSSL_INIT_H

/* Before anything else of OpenSSL, in each process that uses it; safe to call again. */
void openssl_init(void);

/* Instead of it, where a run of milliseconds has nothing else to do: without the texts of
 * errors, and without the names of ciphers and hashes that only old interfaces look for
 * (EVP_get_digestbyname, PEM, X.509, PKCS12). What is fetched by name is found as ever. For the
 * whole life of the process; openssl_init and tls_init no longer change it. */
void openssl_init_bare(void);

#endif

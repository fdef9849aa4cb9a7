/* OpenSSL 3, and its macros that Swift can't import as functions and constants of the same meaning. */
#ifndef VIGIL_COPENSSL_SHIM_H
#define VIGIL_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static const uint64_t vigil_no_renegotiation = SSL_OP_NO_RENEGOTIATION;
static const uint64_t vigil_no_compression = SSL_OP_NO_COMPRESSION;
static const uint64_t vigil_no_ticket = SSL_OP_NO_TICKET;
static const uint64_t vigil_ignore_unexpected_eof = SSL_OP_IGNORE_UNEXPECTED_EOF;

static const unsigned long vigil_name_flags = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;
static const int vigil_bio_flags = BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY;

/* The last reason in the thread's error queue is that a PEM file ends, or never begins. */
static inline int vigil_is_end_of_pem(void)
{
    unsigned long code = ERR_peek_last_error();
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

#endif

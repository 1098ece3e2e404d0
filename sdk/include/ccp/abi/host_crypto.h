/* ccp/abi/host_crypto.h - "ccp.crypto/1": keyed and unkeyed primitives. Keys are named by secret id and
 * stay in the host. */
#ifndef CCP_ABI_HOST_CRYPTO_H
#define CCP_ABI_HOST_CRYPTO_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_CRYPTO_ID "ccp.crypto/1"
/* How the bytes of a secret become a key. */
#define CCP_KEY_RAW 0                 /* the secret's bytes as they are, prefix included */
#define CCP_KEY_BASE64_AFTER_PREFIX 1 /* `key_prefix` cut off when it is there, the rest decoded from
                                         base64 (RFC 4648 section 4) */
#define CCP_KEY_BASE64URL_AFTER_PREFIX 2 /* the same with base64url (section 5, no padding); since 1.1 */

typedef struct ccp_crypto_v1 {
  uint32_t size;
  uint32_t reserved;
  void *ctx;
  /* HMAC-SHA-256 of `message` under secret `secret_id`; 32 bytes to `out`. PERMISSION_DENIED and
   * NOT_FOUND (an empty key is none) as in ccp.secrets/1; INVALID_ARGUMENT: no base64. [callback] */
  ccp_rc (*hmac_sha256)(const struct ccp_crypto_v1 *self, const ccp_call *call, ccp_str secret_id,
                        int32_t key_encoding, ccp_str key_prefix, ccp_str message,
                        const ccp_sink *out);
  /* OK when `signature` (64 bytes) is Ed25519 of `message` under `public_key` (32 bytes);
   * UNAUTHENTICATED when not, wrong lengths included. [any] */
  ccp_rc (*ed25519_verify)(const struct ccp_crypto_v1 *self, ccp_str public_key, ccp_str message,
                           ccp_str signature);
  /* 32 bytes to `out`. [any] */
  ccp_rc (*sha256)(const struct ccp_crypto_v1 *self, ccp_str message, const ccp_sink *out);
  /* `len` (at most 4096) bytes fit for keys to `out`. [any] */
  ccp_rc (*random)(const struct ccp_crypto_v1 *self, size_t len, const ccp_sink *out);

  /* Since 1.1: ask CCP_HAS(table, ...) first, or require `min_minor` 1 in the manifest. */

  /* Ed25519 signature (64 bytes) of `message` to `out`. The key is the 32-byte seed, or seed and public
   * key as 64 bytes, read from secret `secret_id` as `key_encoding` says ("whsk_" of Standard Webhooks:
   * CCP_KEY_BASE64_AFTER_PREFIX). PERMISSION_DENIED and NOT_FOUND as in ccp.secrets/1; INVALID_ARGUMENT:
   * the secret is no such key. [callback] */
  ccp_rc (*ed25519_sign)(const struct ccp_crypto_v1 *self, const ccp_call *call, ccp_str secret_id,
                         int32_t key_encoding, ccp_str key_prefix, ccp_str message,
                         const ccp_sink *out);
  /* RSASSA-PKCS1-v1_5 with SHA-256 (RS256 of JWS) of `message` to `out`, as long as the key. The secret
   * is an unencrypted RSA private key in PEM, 2048 to 8192 bits. Errors as for ed25519_sign. [callback] */
  ccp_rc (*rs256_sign)(const struct ccp_crypto_v1 *self, const ccp_call *call, ccp_str secret_id,
                       ccp_str message, const ccp_sink *out);
} ccp_crypto_v1;

#ifdef __cplusplus
}
#endif
#endif

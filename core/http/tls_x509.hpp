// What a certificate says of itself, as logs and routes show it. Included by tls_*.cpp only.
#pragma once

#include <openssl/x509.h>

#include <string>

namespace ccp::http {

/// "CN=cluster-7,O=Acme" (RFC 2253, UTF-8); empty when it cannot be printed.
std::string subjectOf(const X509* certificate);
/// SHA-256 of the DER form in lower-case hex; empty when OpenSSL fails.
std::string fingerprintOf(const X509* certificate);

}  // namespace ccp::http

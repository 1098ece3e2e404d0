#include "core/net/tls.hpp"

#include <Poco/Net/SSLManager.h>

#include <mutex>

namespace ccp::net {
namespace {

Poco::Net::Context::Ptr make(const std::string& ca_file) {
  Poco::Net::initializeSSL();
  Poco::Net::Context::Params params;
  params.caLocation = ca_file;
  params.verificationMode = Poco::Net::Context::VERIFY_STRICT;
  params.verificationDepth = 9;
  params.loadDefaultCAs = true;
  params.cipherList = "HIGH:!aNULL:!eNULL:!MD5:!SHA1";
  Poco::Net::Context::Ptr context = new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, params);
  context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
  context->enableExtendedCertificateVerification(true);
  return context;
}

}  // namespace

Poco::Net::Context::Ptr tlsClientContext(const std::string& ca_file) {
  if (!ca_file.empty()) return make(ca_file);
  static std::once_flag once;
  static Poco::Net::Context::Ptr shared;
  std::call_once(once, [] { shared = make({}); });
  return shared;
}

}  // namespace ccp::net

#include "core/net/tls.hpp"

#include <Poco/Net/SSLManager.h>

#include <filesystem>
#include <map>
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
  struct Made {
    std::filesystem::file_time_type changed;
    Poco::Net::Context::Ptr context;
  };
  static std::mutex mutex;
  static std::map<std::string, Made> made;
  std::error_code ignored;
  const auto changed = ca_file.empty() ? std::filesystem::file_time_type{} : std::filesystem::last_write_time(ca_file, ignored);
  const std::lock_guard lock(mutex);
  Made& known = made[ca_file];
  if (known.context.isNull() || known.changed != changed) known = {changed, make(ca_file)};
  return known.context;
}

}  // namespace ccp::net

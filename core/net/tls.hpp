// The one TLS client context of the process: system trust anchors, hostname verification, TLS >= 1.2.
#pragma once

#include <Poco/Net/Context.h>

#include <string>

namespace ccp::net {

/// `ca_file` adds trust anchors; there is one context for each file, read again when the file changes.
Poco::Net::Context::Ptr tlsClientContext(const std::string& ca_file = {});

}  // namespace ccp::net

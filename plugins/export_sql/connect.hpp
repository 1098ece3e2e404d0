// Opens sessions of Poco::Data: the one place that knows the four connectors. Throws ccp::Error; nothing
// of the connection string appears in it.
#pragma once

#include <Poco/Data/Session.h>

#include <memory>
#include <string>

#include "dialect.hpp"

namespace sql_export {

struct Target {
  std::string connector;   ///< sqlite, postgresql, mysql, odbc
  std::string connection;  ///< may hold a password
};

Dialect dialectOf(const std::string& connector);

/// A connection with every setting that the plugin relies on. UNAVAILABLE says why, scrubbed.
std::unique_ptr<Poco::Data::Session> connect(const Target& target);

/// What a driver threw, as UNAVAILABLE with a scrubbed text.
[[noreturn]] void rethrow(const Target& target, const char* doing);

}  // namespace sql_export

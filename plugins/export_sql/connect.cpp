#include "connect.hpp"

#include <Poco/Data/MySQL/Connector.h>
#include <Poco/Data/ODBC/Connector.h>
#include <Poco/Data/PostgreSQL/Connector.h>
#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Exception.h>

#include <mutex>

#include "ccp/error.hpp"
#include "scrub.hpp"

namespace sql_export {
namespace {

using namespace Poco::Data::Keywords;

constexpr std::size_t kConnectSeconds = 5;
constexpr std::size_t kMaxText = 600;

/// Poco keeps one registry per process; instances share what was registered.
void registerConnectors() {
  static std::once_flag once;
  std::call_once(once, [] {
    Poco::Data::SQLite::Connector::registerConnector();
    Poco::Data::PostgreSQL::Connector::registerConnector();
    Poco::Data::MySQL::Connector::registerConnector();
    Poco::Data::ODBC::Connector::registerConnector();
  });
}

std::string keyOf(const std::string& connector) {
  if (connector == "sqlite") return Poco::Data::SQLite::Connector::KEY;
  if (connector == "postgresql") return Poco::Data::PostgreSQL::Connector::KEY;
  if (connector == "mysql") return Poco::Data::MySQL::Connector::KEY;
  return Poco::Data::ODBC::Connector::KEY;
}

/// Bounds of waiting and what durability asks for: an acknowledged batch must survive a power cut there.
void prepare(Poco::Data::Session& session, Dialect dialect) {
  switch (dialect) {
    case Dialect::sqlite:
      session << "pragma busy_timeout = 5000", now;
      session << "pragma synchronous = full", now;
      break;
    case Dialect::postgresql:
      session << "set client_encoding to 'UTF8'", now;
      session << "set statement_timeout = 15000", now;
      session << "set lock_timeout = 10000", now;
      session << "set synchronous_commit to on", now;
      break;
    case Dialect::mysql:
      session << "set names utf8mb4", now;
      session << "set session innodb_lock_wait_timeout = 10", now;
      break;
    case Dialect::generic: session.setFeature("autoCommit", false); break;
  }
}

}  // namespace

Dialect dialectOf(const std::string& connector) {
  if (connector == "sqlite") return Dialect::sqlite;
  if (connector == "postgresql") return Dialect::postgresql;
  return connector == "mysql" ? Dialect::mysql : Dialect::generic;
}

void rethrow(const Target& target, const char* doing) {
  std::string said;
  try {
    throw;
  } catch (const ccp::Error&) {
    throw;
  } catch (const Poco::Exception& error) {
    said = error.displayText();
  } catch (const std::exception& error) {
    said = error.what();
  }
  said = scrub(std::move(said), target.connection);
  for (char& c : said) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  throw ccp::Error::unavailable("The database (" + target.connector + ") refused while " + doing + ": " + said.substr(0, kMaxText));
}

std::unique_ptr<Poco::Data::Session> connect(const Target& target) {
  registerConnectors();
  try {
    auto session = std::make_unique<Poco::Data::Session>(keyOf(target.connector), target.connection, kConnectSeconds);
    prepare(*session, dialectOf(target.connector));
    return session;
  } catch (...) {
    rethrow(target, "connecting");
  }
}

}  // namespace sql_export

// ccp.export-sql: the operations of ccp.exporter/1 over any database that Poco::Data reaches. One
// connection per stream, kept between calls and dropped after an error; nothing else is kept.
// Operations of different streams run at once.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ccp/exporter.hpp"
#include "store.hpp"

namespace sql_export {

class Plugin {
 public:
  using Provides = ccp::Provides<ccp::Exporter>;

  Plugin(ccp::Host&, std::string name) : name_(std::move(name)) {}
  void configure(ccp::Call& call, const ccp::json& config);
  void drain(ccp::Call& call);

  ccp::json open(ccp::Call& call, const ccp::json& in);
  ccp::json writeBatch(ccp::Call& call, const ccp::json& in);
  ccp::json flush(ccp::Call& call, const ccp::json& in);
  ccp::json close(ccp::Call& call, const ccp::json& in);

 private:
  struct Stream {
    std::mutex mutex;
    std::unique_ptr<Store> store;
  };
  /// UNIMPLEMENTED for a stream that is not configured.
  Stream& streamOf(const ccp::json& in);
  /// Connects if needed; the caller holds the stream's mutex.
  Store& storeOf(ccp::Call& call, Stream& stream);

  std::string name_;
  std::string connector_;
  std::string connection_;     ///< as configured; empty when it is a secret
  std::string connection_id_;  ///< id of the secret
  std::string prefix_;
  std::map<std::string, std::unique_ptr<Stream>> streams_;  ///< fixed once configured
};

}  // namespace sql_export

#include "plugin.hpp"

#include <ctime>

namespace sql_export {
namespace {

/// RFC 3339 in whole seconds.
std::string nowText(const ccp::Call& call) {
  const std::time_t seconds = static_cast<std::time_t>(call.host().clock().nowSeconds());
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace

void Plugin::configure(ccp::Call&, const ccp::json& config) {
  connector_ = ccp::str(config, "connector");
  connection_ = ccp::strOr(config, "connection");
  connection_id_ = ccp::secretRef(config, "connection");
  if (connection_.empty() && connection_id_.empty()) throw ccp::Error::invalidArgument("connection: give the connection string or its secret");
  prefix_ = ccp::strOr(config, "table_prefix", "ccp_");
  if (const ccp::json* streams = ccp::member(config, "streams")) {
    for (const auto& name : *streams) streams_.emplace(name.get<std::string>(), std::make_unique<Stream>());
  }
}

Plugin::Stream& Plugin::streamOf(const ccp::json& in) {
  const std::string name = ccp::str(in, "stream");
  const auto found = streams_.find(name);
  if (found == streams_.end()) throw ccp::Error::unimplemented("`streams` of this instance does not name " + name);
  return *found->second;
}

Store& Plugin::storeOf(ccp::Call& call, Stream& stream) {
  if (!stream.store) {
    const Target target{connector_, connection_id_.empty() ? connection_ : call.secrets().get(connection_id_)};
    stream.store = std::make_unique<Store>(target, prefix_, name_, nowText(call));
  }
  return *stream.store;
}

ccp::json Plugin::open(ccp::Call& call, const ccp::json& in) {
  Stream& stream = streamOf(in);
  const std::lock_guard lock(stream.mutex);
  storeOf(call, stream);
  return ccp::json::object();
}

ccp::json Plugin::writeBatch(ccp::Call& call, const ccp::json& in) {
  Stream& stream = streamOf(in);
  const ccp::json* records = ccp::member(in, "records");
  if (!records || !records->is_array()) throw ccp::Error::invalidArgument("\"records\" must be a list");
  const std::int64_t last = ccp::integer(in, "last_sequence");
  const std::lock_guard lock(stream.mutex);
  try {
    storeOf(call, stream).write(ccp::str(in, "stream"), *records, last, nowText(call), [&call] { return call.cancelled(); });
  } catch (...) {
    stream.store.reset();  // whatever state the connection is in: the next call makes a new one
    throw;
  }
  return {{"last_sequence", last}};
}

/// A batch is one committed transaction: there is nothing left to flush.
ccp::json Plugin::flush(ccp::Call&, const ccp::json& in) {
  streamOf(in);
  return ccp::json::object();
}

ccp::json Plugin::close(ccp::Call&, const ccp::json& in) {
  Stream& stream = streamOf(in);
  const std::lock_guard lock(stream.mutex);
  stream.store.reset();
  return ccp::json::object();
}

void Plugin::drain(ccp::Call&) {
  for (auto& [name, stream] : streams_) {
    const std::lock_guard lock(stream->mutex);
    stream->store.reset();
  }
}

}  // namespace sql_export

CCP_PLUGIN(sql_export::Plugin)

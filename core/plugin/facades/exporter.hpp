// ccp.exporter/1 as the exports feature sees it: a batch of records goes out, what is acknowledged comes
// back. JSON shapes: sdk/schemas/ccp.exporter/. Threads: thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/time.hpp"
#include "core/plugin/facades/call_context.hpp"

namespace ccp::plugin {

struct ExportRecord {
  std::int64_t sequence = 0;  ///< rises within a stream; a repeated record keeps it
  std::string id;             ///< the same for ever: exporters are idempotent by it
  std::string type;
  Timestamp occurred_at;
  std::string org;            ///< empty: of the server itself
  std::string subject;        ///< what it is about; a subject's records keep their order
  Json data;                  ///< an object
};

struct ExportProgress {
  std::int64_t last_sequence = 0;  ///< everything up to it is taken; durable when flush succeeds
  /// Why another try now is pointless; absent when the exporter merely took a part. `endpoint_gone`: the target takes this stream no more.
  std::optional<Error> stopped;
};

class Exporter {
 public:
  virtual ~Exporter() = default;
  virtual const std::string& instance() const = 0;
  /// Prepares a stream; repeated before every run of batches. `unimplemented`: the exporter does not take
  /// this stream. `cursor` is the last acknowledged sequence, 0 for none.
  virtual Status open(const CallContext& ctx, const std::string& stream, std::int64_t cursor) = 0;
  /// `records` is not empty, in order of sequence. One call at a time per stream. An acknowledgement of
  /// something that was not sent is `provider_error`.
  virtual Result<ExportProgress> writeBatch(const CallContext& ctx, const std::string& stream, const std::vector<ExportRecord>& records) = 0;
  /// What was acknowledged is durable on the other side.
  virtual Status flush(const CallContext& ctx, const std::string& stream) = 0;
  virtual Status close(const CallContext& ctx, const std::string& stream) = 0;
};

class Exporters {
 public:
  virtual ~Exporters() = default;
  /// `not_found` with the names that exist.
  virtual Result<std::shared_ptr<Exporter>> exporter(const std::string& instance) = 0;
  /// Names of the instances in service that provide ccp.exporter/1.
  virtual std::vector<std::string> exporterInstances() const = 0;
};

}  // namespace ccp::plugin

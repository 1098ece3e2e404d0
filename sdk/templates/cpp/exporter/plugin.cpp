// @ID@: streams records to a collector, one POST per batch. The host owns the cursor and repeats what was not
// acknowledged; the Idempotency-Key is the stream with its last sequence, so that the collector can tell.
#include "ccp/exporter.hpp"

namespace {

using ccp::json;

class @CLASS@ {
 public:
  using Provides = ccp::Provides<ccp::Exporter>;

  void configure(ccp::Call&, const json& config) {
    url_ = ccp::str(config, "url");
    token_ = ccp::secretRef(config, "token");
  }

  /// Comes before a run of batches, and again after failures.
  json open(ccp::Call&, const json& in) {
    const std::string stream = ccp::str(in, "stream");
    if (stream != "events" && stream != "rollups") throw ccp::Error::unimplemented("this exporter takes no stream " + stream);
    return json::object();
  }

  /// Acknowledges the whole batch, or nothing of it.
  json writeBatch(ccp::Call& call, const json& in) {
    const std::string stream = ccp::str(in, "stream");
    const std::int64_t last = ccp::integer(in, "last_sequence");
    const json* records = ccp::member(in, "records");
    if (records == nullptr || !records->is_array()) throw ccp::Error::invalidArgument("\"records\" must be a list");
    ccp::HttpRequest request;
    request.method = "POST";
    request.url = url_;
    request.headers = {{"Content-Type", "application/json"}, {"Idempotency-Key", stream + "-" + std::to_string(last)}};
    request.body = ccp::dumpJson({{"stream", stream}, {"records", *records}});
    request.auth.bearer = token_;
    const auto answer = call.http().send(request);
    if (answer.status == 429) throw ccp::Error::rateLimited("the collector asks to slow down", 30000);
    if (!answer.ok()) throw ccp::Error::provider("the collector answered with HTTP status " + std::to_string(answer.status));
    return {{"last_sequence", last}};
  }

  /// Nothing is kept back: what was acknowledged is with the collector.
  json flush(ccp::Call&, const json&) { return json::object(); }
  json close(ccp::Call&, const json&) { return json::object(); }

 private:
  std::string url_, token_;
};

}  // namespace

CCP_PLUGIN(@CLASS@)

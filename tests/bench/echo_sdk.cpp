// The same through the C++ SDK: parses its input, answers JSON that it builds.
#include "ccp/identity.hpp"

namespace {

class Echo {
 public:
  using Provides = ccp::Provides<ccp::Identity>;
  Echo(ccp::Host&, const std::string&) {}
  void configure(ccp::Call&, const ccp::json&) {}
  ccp::json begin(ccp::Call&, const ccp::json& in) { return {{"kind", "device"}, {"client_id", in.at("client_id")}, {"interval", 5}}; }
  ccp::json poll(ccp::Call&, const ccp::json&) { return {{"status", "pending"}}; }
  ccp::json describe(ccp::Call&, const ccp::json&) { return {{"kind", "device"}}; }
};

}  // namespace

CCP_PLUGIN(Echo)

// Reads one object of a policy document member by member: types, bounds, and no member that nobody reads.
// Every complaint names the JSON pointer. Of this room only. Values.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/time.hpp"

namespace ccp::policy {

tl::unexpected<Error> badField(std::string pointer, std::string rule);
/// A member name as a step of a JSON pointer.
std::string pointerStep(std::string_view name);

class Fields {
 public:
  static Result<Fields> of(const Json& object, std::string pointer);

  std::string at(std::string_view name) const { return pointer_ + "/" + pointerStep(name); }
  /// Nothing when absent; a member that was asked for is known.
  const Json* optional(std::string_view name);
  Result<const Json*> required(std::string_view name);
  Result<std::string> text(std::string_view name, std::size_t max_bytes);
  Result<std::int64_t> integer(std::string_view name, std::int64_t min, std::int64_t max);
  Result<Timestamp> time(std::string_view name);
  Result<const Json*> object(std::string_view name);
  Result<const Json*> array(std::string_view name, std::size_t max_items);
  /// Different texts that all keep a rule.
  Result<std::vector<std::string>> texts(std::string_view name, std::size_t max_items, bool (*keeps)(std::string_view),
                                         std::string_view rule);
  /// `policy_document_invalid` at the first member that nobody asked for.
  Status done() const;

 private:
  Fields(const Json& object, std::string pointer) : object_(&object), pointer_(std::move(pointer)) {}
  const Json* object_;
  std::string pointer_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace ccp::policy

#include "policy/pack/fields.hpp"

#include <algorithm>

namespace ccp::policy {

tl::unexpected<Error> badField(std::string pointer, std::string rule) {
  Error error{Errc::policy_document_invalid, (pointer.empty() ? "The document" : pointer) + " " + rule + ".", {}};
  error.fields.push_back({std::move(pointer), std::move(rule)});
  return fail(std::move(error));
}

std::string pointerStep(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, 128)) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
    }
  }
  return out;
}

Result<Fields> Fields::of(const Json& object, std::string pointer) {
  if (!object.isObject()) return badField(std::move(pointer), "must be an object");
  return Fields(object, std::move(pointer));
}

const Json* Fields::optional(std::string_view name) {
  known_.emplace(name);
  return object_->find(name);
}

Result<const Json*> Fields::required(std::string_view name) {
  const Json* value = optional(name);
  if (!value) return badField(at(name), "is missing");
  return value;
}

Result<std::string> Fields::text(std::string_view name, std::size_t max_bytes) {
  CCP_TRY(const Json* value, required(name));
  const std::string* text = value->asString();
  if (!text || text->size() > max_bytes) {
    return badField(at(name), "must be a text of at most " + std::to_string(max_bytes) + " bytes");
  }
  return *text;
}

Result<std::int64_t> Fields::integer(std::string_view name, std::int64_t min, std::int64_t max) {
  CCP_TRY(const Json* value, required(name));
  const auto number = value->asInt();
  if (!number || *number < min || *number > max) {
    return badField(at(name), "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return *number;
}

Result<Timestamp> Fields::time(std::string_view name) {
  CCP_TRY(const std::string text, this->text(name, 40));
  const auto time = parseRfc3339(text);
  if (!time) return badField(at(name), "must be a time as in RFC 3339, \"2026-11-21T05:06:07Z\"");
  return *time;
}

Result<const Json*> Fields::object(std::string_view name) {
  CCP_TRY(const Json* value, required(name));
  if (!value->isObject()) return badField(at(name), "must be an object");
  return value;
}

Result<const Json*> Fields::array(std::string_view name, std::size_t max_items) {
  CCP_TRY(const Json* value, required(name));
  if (!value->isArray() || value->size() > max_items) {
    return badField(at(name), "must be a list of at most " + std::to_string(max_items) + " items");
  }
  return value;
}

Result<std::vector<std::string>> Fields::texts(std::string_view name, std::size_t max_items, bool (*keeps)(std::string_view),
                                               std::string_view rule) {
  CCP_TRY(const Json* list, array(name, max_items));
  std::vector<std::string> out;
  std::set<std::string_view> seen;
  for (const Json& item : list->items()) {
    const std::string* text = item.asString();
    const std::string where = at(name) + "/" + std::to_string(out.size());
    if (!text || !keeps(*text)) return badField(where, std::string(rule));
    if (!seen.insert(*text).second) return badField(where, "stands there twice");
    out.push_back(*text);
  }
  return out;
}

Status Fields::done() const {
  for (const auto& [name, value] : object_->members()) {
    if (!known_.contains(name)) return badField(at(name), "is not known to this version of CCP");
  }
  return {};
}

}  // namespace ccp::policy

#include "core/http/message.hpp"

#include <algorithm>
#include <cctype>

#include "core/base/encoding.hpp"

namespace ccp::http {
namespace {

constexpr std::size_t kMaxParams = 1000;

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Response withType(std::string body, int status, std::string type) {
  Response out;
  out.status = status;
  out.body = std::move(body);
  out.headers.set("Content-Type", std::move(type));
  return out;
}

}  // namespace

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(fields_, [&](const auto& field) { return sameName(field.first, name); });
  fields_.emplace_back(std::string(name), std::move(value));
}

std::string Headers::get(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (sameName(key, name)) return value;
  }
  return {};
}

std::vector<std::string> Headers::all(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& [key, value] : fields_) {
    if (sameName(key, name)) out.push_back(value);
  }
  return out;
}

bool Headers::has(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(),
                     [&](const auto& field) { return sameName(field.first, name); });
}

std::optional<std::string_view> Headers::only(std::string_view name) const {
  std::optional<std::string_view> out;
  for (const auto& [key, value] : fields_) {
    if (!sameName(key, name)) continue;
    if (out) return std::nullopt;
    out = value;
  }
  return out;
}

std::optional<std::string> Params::get(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string Params::getOr(std::string_view name, std::string_view fallback) const {
  auto value = get(name);
  return value ? std::move(*value) : std::string(fallback);
}

bool Params::repeated(std::string_view name) const {
  return std::count_if(items_.begin(), items_.end(),
                       [&](const auto& item) { return item.first == name; }) > 1;
}

Result<Params> parseForm(std::string_view text) {
  Params out;
  std::size_t count = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const auto item = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (item.empty()) continue;
    if (++count > kMaxParams)
      return fail(Errc::bad_request, "more than " + std::to_string(kMaxParams) + " parameters");
    const auto equals = item.find('=');
    const bool has_value = equals != std::string_view::npos;
    CCP_TRY(std::string name, urlDecode(item.substr(0, equals), true));
    CCP_TRY(std::string value,
            urlDecode(has_value ? item.substr(equals + 1) : std::string_view{}, true));
    for (const auto* part : {&name, &value}) {
      if (!isValidUtf8(*part)) return fail(Errc::bad_encoding, "a parameter is not valid UTF-8");
      if (part->find('\0') != std::string::npos)
        return fail(Errc::bad_encoding, "a parameter holds a NUL character");
    }
    out.add(std::move(name), std::move(value));
  }
  return out;
}

std::string Request::cookie(std::string_view name) const {
  for (const auto& line : headers.all("Cookie")) {
    std::string_view rest = line;
    while (!rest.empty()) {
      const auto end = std::min(rest.find(';'), rest.size());
      const auto pair = trim(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      const auto equals = pair.find('=');
      if (equals != std::string_view::npos && pair.substr(0, equals) == name)
        return std::string(pair.substr(equals + 1));
    }
  }
  return {};
}

std::string Request::contentType() const {
  const std::string value = headers.get("Content-Type");
  std::string out(trim(std::string_view(value).substr(0, value.find(';'))));
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

Result<Json> Request::json() const {
  if (contentType() != "application/json")
    return fail(Errc::unsupported_media_type, "send application/json");
  JsonLimits limits;
  limits.max_bytes = std::max(limits.max_bytes, body.size());
  CCP_TRY(Json value, parseJson(body, limits));
  if (!value.isObject())
    return fail(
        Error{Errc::validation_failed, "the body must be a JSON object", {{"", "type: object"}}});
  return value;
}

Result<Params> Request::form() const {
  if (contentType() != "application/x-www-form-urlencoded") {
    return fail(Errc::unsupported_media_type, "send application/x-www-form-urlencoded");
  }
  return parseForm(body);
}

Response Response::json(const Json& body, int status) {
  return withType(body.dump(), status, "application/json");
}
Response Response::text(std::string body, int status) {
  return withType(std::move(body), status, "text/plain; charset=utf-8");
}
Response Response::html(std::string body, int status) {
  return withType(std::move(body), status, "text/html; charset=utf-8");
}
Response Response::csv(std::string body) {
  return withType(std::move(body), 200, "text/csv; charset=utf-8");
}

Response Response::empty(int status) {
  Response out;
  out.status = status;
  return out;
}

Response Response::redirect(std::string location, int status) {
  Response out;
  out.status = status;
  out.headers.set("Location", std::move(location));
  out.noStore();
  return out;
}

Response Response::problem(const Error& error, std::string_view request_id) {
  const ErrorInfo& row = info(error.code);
  Json body =
      Json::object({{"type", std::string("urn:ccp:error:") + row.name},
                    {"title", row.title},
                    {"status", row.http_status},
                    {"code", row.name},
                    {"detail", error.detail.empty() ? std::string(row.title) : error.detail},
                    {"next_step", row.next_step},
                    {"request_id", request_id}});
  if (!error.fields.empty()) {
    Json errors = Json::array();
    for (const auto& field : error.fields)
      errors.push(Json::object({{"pointer", field.pointer}, {"rule", field.rule}}));
    body.set("errors", std::move(errors));
  }
  Response out = withType(body.dump(), row.http_status, "application/problem+json");
  out.noStore();
  int retry_after = error.retry_after_s;
  if (retry_after <= 0 && (row.http_status == 503 || row.http_status == 429))
    retry_after = row.http_status == 503 ? 2 : 1;
  if (retry_after > 0) out.headers.set("Retry-After", std::to_string(retry_after));
  return out;
}

}  // namespace ccp::http

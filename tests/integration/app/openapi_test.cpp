// /openapi.json against the router of a started node: what is registered is described, and the
// reverse.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "core/app/openapi.hpp"
#include "core/app/wiring.hpp"
#include "core/base/log.hpp"
#include "tests/support/temp_db.hpp"

using namespace ccp;

namespace {

struct Node {
  test::TempDir dir;
  app::Graph graph;
  app::Steps steps;

  Node() : graph(settings()) {
    log::setSink([](std::string_view) {});
    app::planStart(steps, graph);
    const auto started = steps.start();
    REQUIRE_MESSAGE(started, (started ? "" : started.error().text()));
  }
  ~Node() {
    steps.stop();
    log::setSink({});
  }
  config::Settings settings() const {
    auto out = config::parseSettings(
        "mode: dev\nserver: {listen: \"127.0.0.1:0\", admin_listen: \"127.0.0.1:0\"}\nstate_dir: " +
            dir.path() + "/state\n",
        dir.path() + "/ccp.yaml", {});
    REQUIRE(out);
    return *out;
  }
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::set<std::string> described() {
  std::set<std::string> out;
  for (const auto& [path, item] : app::openApiDocument()["paths"].members()) {
    for (const auto& [method, operation] : item.members()) {
      if (method == "get" || method == "post" || method == "put" || method == "patch" ||
          method == "delete")
        out.insert(method + " " + path);
    }
  }
  return out;
}

/// Every "$ref" below `value`.
void collectRefs(const Json& value, std::set<std::string>& refs) {
  for (const auto& item : value.items()) collectRefs(item, refs);
  for (const auto& [key, item] : value.members()) {
    if (key == "$ref" && item.isString()) refs.insert(*item.asString());
    collectRefs(item, refs);
  }
}

}  // namespace

TEST_CASE("every route is described in /openapi.json, and nothing else is") {
  const Node node;
  std::set<std::string> registered;
  for (const auto& route : node.graph.router.routes())
    registered.insert(lower(route.method) + " " + route.pattern);
  const auto document = described();
  for (const auto& route : registered)
    CHECK_MESSAGE(document.contains(route), "not described: " << route);
  for (const auto& operation : document)
    CHECK_MESSAGE(registered.contains(operation), "described, but not registered: " << operation);
}

TEST_CASE("the description is OpenAPI 3.1, and its references lead somewhere") {
  const Json& document = app::openApiDocument();
  CHECK(document.strOr("openapi").starts_with("3.1"));
  std::set<std::string> refs;
  collectRefs(document, refs);
  CHECK_FALSE(refs.empty());
  for (const auto& ref : refs) {
    CAPTURE(ref);
    REQUIRE(ref.starts_with("#/"));
    CHECK(document.at(ref.substr(1)) != nullptr);
  }
  for (const auto& [bound_path, item] : document["paths"].members()) {
    const auto& path = bound_path;  // clang 14 cannot capture a structured binding
    for (const auto& [bound_method, operation] : item.members()) {
      const auto& method = bound_method;  // clang 14 cannot capture a structured binding
      if (method == "parameters") continue;
      CAPTURE(path);
      CAPTURE(method);
      CHECK_FALSE(operation.strOr("summary").empty());
      CHECK_FALSE(operation["responses"].empty());
    }
  }
}

TEST_CASE("every route has a summary") {
  const Node node;
  for (const auto& route : node.graph.router.routes())
    CHECK_MESSAGE(!route.options.summary.empty(), route.method << " " << route.pattern);
}

// YAML 1.2 core schema to Json, with the place of every value. Refused: anchors, aliases, duplicate
// keys, custom tags, several documents, depth beyond 32, text beyond 1 MiB. yaml-cpp behind yaml.cpp.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

namespace ccp::config {

struct YamlPlace {
  int line = 0;  ///< from 1
  int column = 0;
};

struct YamlDocument {
  Json value;
  std::map<std::string, YamlPlace> places;  ///< by JSON pointer
  /// Place of a pointer, or of its nearest ancestor that the text has; line 0 when there is none.
  YamlPlace place(std::string pointer) const;
  /// "file:line:column" of that place.
  std::string where(const std::string& origin, const std::string& pointer) const;
};

/// `config_invalid` names origin, line and column.
Result<YamlDocument> parseYaml(std::string_view text, const std::string& origin);

}  // namespace ccp::config

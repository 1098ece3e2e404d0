#include "policy/engine/input.hpp"

#include <algorithm>
#include <optional>
#include <simdjson.h>
#include <utility>

#include "policy/engine/interpreter.hpp"
#include "policy/engine/library.hpp"

namespace ccp::policy {
namespace {

namespace dom = simdjson::dom;

/// Memory that a thread keeps between decisions, in bytes of input.
constexpr std::size_t kKeep = 16u << 10;
/// Names that are not in the input and that a policy asked for.
constexpr std::size_t kMaxMissing = 256;

/// In a recording table, under a key that no program can make: the number of its node.
const char kNodeKey = 0;
/// In the registry: the metatable of recording tables.
const char kMetaKey = 0;

}  // namespace

bool validUtf8(std::string_view text) noexcept { return simdjson::validate_utf8(text.data(), text.size()); }

struct Input::State {
  /// A value of the input, when reading is recorded.
  struct Node {
    std::string_view name;
    dom::element value;
    int parent = -1;
    int first = 0;  ///< children lie side by side
    int count = 0;
    bool array = false;
    bool read = false;
    bool given = false;  ///< lies in its table, or lay there
  };

  dom::parser parser{kMaxInput + 64};
  dom::element root;
  std::size_t count = 0;
  std::vector<std::string_view> names;
  std::vector<Node> nodes;
  std::vector<std::pair<int, std::string>> missing;
  bool recorded = false;

  [[noreturn]] static void refuse(lua_State* L, const char* why) {
    lua_pushstring(L, why);
    lua_error(L);
    std::abort();
  }

  void node(lua_State* L, int depth) {
    if (++count > kMaxInputNodes) refuse(L, "input: more than 10000 values");
    if (depth > kMaxInputDepth) refuse(L, "input: nested deeper than 32");
    budgetOf(L).pace(L, 16);
  }

  void unique(lua_State* L, std::size_t from) {
    const auto begin = names.begin() + static_cast<std::ptrdiff_t>(from);
    bool twice = false;
    if (names.size() - from <= 16) {
      for (auto a = begin; a != names.end(); ++a) twice = twice || std::find(begin, a, *a) != a;
    } else {
      std::sort(begin, names.end());
      twice = std::adjacent_find(begin, names.end()) != names.end();
    }
    if (twice) refuse(L, "input: an object has the same name twice");
    names.resize(from);
  }

  void pushScalar(lua_State* L, const dom::element& value) {
    switch (value.type()) {
      case dom::element_type::STRING: {
        const std::string_view s = value.get_string().value_unsafe();
        lua_pushlstring(L, s.data(), s.size());
        break;
      }
      case dom::element_type::INT64: {
        const std::int64_t i = value.get_int64().value_unsafe();
        if (i > kMaxInteger || i < -kMaxInteger) refuse(L, "input: an integer is beyond 2^53");
        lua_pushinteger(L, i);
        break;
      }
      case dom::element_type::DOUBLE: lua_pushnumber(L, value.get_double().value_unsafe()); break;
      case dom::element_type::BOOL: lua_pushboolean(L, value.get_bool().value_unsafe()); break;
      case dom::element_type::NULL_VALUE: lua_pushnil(L); break;
      default: refuse(L, "input: an integer is beyond 2^53");
    }
  }

  void pushValue(lua_State* L, const dom::element& value, int depth) {
    node(L, depth);
    if (value.is_object()) {
      const dom::object object = value.get_object().value_unsafe();
      luaL_checkstack(L, 4, nullptr);
      lua_createtable(L, 0, static_cast<int>(object.size()));
      const std::size_t from = names.size();
      for (const dom::key_value_pair member : object) {
        names.push_back(member.key);
        lua_pushlstring(L, member.key.data(), member.key.size());
        pushValue(L, member.value, depth + 1);
        lua_rawset(L, -3);
      }
      unique(L, from);
    } else if (value.is_array()) {
      const dom::array array = value.get_array().value_unsafe();
      luaL_checkstack(L, 4, nullptr);
      lua_createtable(L, static_cast<int>(array.size()), 0);
      lua_Integer i = 0;
      for (const dom::element item : array) {
        pushValue(L, item, depth + 1);
        lua_rawseti(L, -2, ++i);
      }
    } else {
      pushScalar(L, value);
    }
  }

  /// The nodes below `at`: all children of a node side by side.
  void expand(lua_State* L, int at, int depth) {
    const dom::element value = nodes[static_cast<std::size_t>(at)].value;
    const int first = static_cast<int>(nodes.size());
    const auto add = [&](std::string_view name, const dom::element& child) {
      node(L, depth + 1);
      nodes.push_back({name, child, at, 0, 0, false, false, false});
    };
    if (value.is_object()) {
      const std::size_t from = names.size();
      const dom::object object = value.get_object().value_unsafe();
      for (const dom::key_value_pair member : object) {
        names.push_back(member.key);
        add(member.key, member.value);
      }
      unique(L, from);
    } else if (value.is_array()) {
      nodes[static_cast<std::size_t>(at)].array = true;
      const dom::array array = value.get_array().value_unsafe();
      for (const dom::element item : array) add({}, item);
    } else {
      pushScalar(L, value);  // refuses what must be refused now, read or not
      lua_pop(L, 1);
      return;
    }
    const int end = static_cast<int>(nodes.size());
    nodes[static_cast<std::size_t>(at)].first = first;
    nodes[static_cast<std::size_t>(at)].count = end - first;
    for (int child = first; child < end; ++child) expand(L, child, depth + 1);
  }

  void pushNode(lua_State* L, int at) {
    Node& n = nodes[static_cast<std::size_t>(at)];
    n.read = n.given = true;
    if (!n.value.is_object() && !n.value.is_array()) return pushScalar(L, n.value);
    lua_createtable(L, n.array ? n.count : 0, n.array ? 1 : n.count + 1);
    lua_pushinteger(L, at);
    lua_rawsetp(L, -2, &kNodeKey);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &kMetaKey);
    lua_setmetatable(L, -2);
  }

  static State& of(lua_State* L) { return *Interpreter::of(L).input()->state_; }
  static int nodeOf(lua_State* L, int index) {
    lua_rawgetp(L, index, &kNodeKey);
    const auto at = static_cast<int>(lua_tointeger(L, -1));
    lua_pop(L, 1);
    return at;
  }

  /// The child of `at` that the key on the stack at `index` names, or -1.
  int find(lua_State* L, int at, int index) {
    const Node& n = nodes[static_cast<std::size_t>(at)];
    if (n.array) {
      int exact = 0;
      const lua_Integer i = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &exact) : 0;
      return exact != 0 && i >= 1 && i <= n.count ? n.first + static_cast<int>(i) - 1 : -1;
    }
    if (lua_type(L, index) != LUA_TSTRING) return -1;
    const std::string_view name = checkText(L, index);
    budgetOf(L).pace(L, static_cast<std::uint64_t>(n.count) / 8);
    for (int child = n.first; child < n.first + n.count; ++child) {
      if (nodes[static_cast<std::size_t>(child)].name == name) return child;
    }
    if (missing.size() < kMaxMissing && name.size() <= 128) missing.emplace_back(at, std::string(name));
    return -1;
  }

  static int index(lua_State* L) {
    State& self = of(L);
    const int child = self.find(L, nodeOf(L, 1), 2);
    if (child < 0 || self.nodes[static_cast<std::size_t>(child)].given) {
      lua_pushnil(L);
      return 1;
    }
    self.pushNode(L, child);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
  }

  static int newIndex(lua_State* L) {
    materialize(L, 1);
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 0;
  }

  static int length(lua_State* L) {
    materialize(L, 1);
    lua_pushinteger(L, static_cast<lua_Integer>(lua_rawlen(L, 1)));
    return 1;
  }

  void appendPointer(int at, std::string& out) const {
    if (at <= 0) return;
    const Node& n = nodes[static_cast<std::size_t>(at)];
    const Node& parent = nodes[static_cast<std::size_t>(n.parent)];
    appendPointer(n.parent, out);
    out += '/';
    if (parent.array) {
      out += std::to_string(at - parent.first);
    } else {
      appendEscaped(n.name, out);
    }
  }

  std::string pointer(int at) const {
    std::string out;
    out.reserve(48);
    appendPointer(at, out);
    return out;
  }

  static void appendEscaped(std::string_view name, std::string& out) {
    for (const char c : name) {
      if (c == '~' || c == '/') {
        out += c == '~' ? "~0" : "~1";
      } else {
        out += c;
      }
    }
  }
};

Input::Input() : state_(std::make_unique<State>()) {}
Input::~Input() = default;

Input& Input::ofThread() {
  thread_local Input input;
  return input;
}

const char* Input::parse(std::string_view json) {
  State& s = *state_;
  s.count = 0;
  s.recorded = false;
  s.names.clear();
  s.nodes.clear();
  s.missing.clear();
  if (json.size() > kMaxInput) return "input: longer than 256 KiB";
  const simdjson::error_code error = s.parser.parse(json.data(), json.size()).get(s.root);
  if (error == simdjson::UTF8_ERROR) return "input: not valid UTF-8";
  if (error == simdjson::NUMBER_ERROR) return "input: a number is malformed or too large";
  if (error != simdjson::SUCCESS) return "input: not valid JSON";
  return s.root.is_object() ? nullptr : "input: not a JSON object";
}

void Input::push(lua_State* L, bool record) {
  State& s = *state_;
  if (!record) return s.pushValue(L, s.root, 1);
  s.recorded = true;
  s.node(L, 1);
  s.nodes.push_back({{}, s.root, -1, 0, 0, false, false, false});
  s.expand(L, 0, 1);
  s.pushNode(L, 0);
  s.nodes[0].read = false;  // being given the input is not reading it
}

void Input::install(lua_State* L) {
  lua_createtable(L, 1, 4);
  lua_pushboolean(L, 1);
  lua_rawseti(L, -2, 1);
  lua_pushcfunction(L, guarded<State::index>);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, guarded<State::newIndex>);
  lua_setfield(L, -2, "__newindex");
  lua_pushcfunction(L, guarded<State::length>);
  lua_setfield(L, -2, "__len");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kMetaKey);
}

void Input::materialize(lua_State* L, int index) {
  State& s = State::of(L);
  index = lua_absindex(L, index);
  luaL_checkstack(L, 4, nullptr);
  const int at = State::nodeOf(L, index);
  lua_pushnil(L);
  lua_setmetatable(L, index);
  lua_pushnil(L);
  lua_rawsetp(L, index, &kNodeKey);
  const int first = s.nodes[static_cast<std::size_t>(at)].first;
  const int count = s.nodes[static_cast<std::size_t>(at)].count;
  for (int i = 0; i < count; ++i) {
    State::Node& child = s.nodes[static_cast<std::size_t>(first + i)];
    const bool given = std::exchange(child.given, true);
    child.read = true;
    if (given) continue;
    budgetOf(L).pace(L, 16);
    if (s.nodes[static_cast<std::size_t>(at)].array) {
      s.pushNode(L, first + i);
      lua_rawseti(L, index, i + 1);
    } else {
      lua_pushlstring(L, child.name.data(), child.name.size());
      s.pushNode(L, first + i);
      lua_rawset(L, index);
    }
  }
}

std::vector<std::string> Input::fieldsRead() {
  State& s = *state_;
  std::vector<std::string> out;
  if (!s.recorded) return out;
  std::vector<bool> covered(s.nodes.size());
  for (const auto& [at, name] : s.missing) {
    std::string& path = out.emplace_back(s.pointer(at) + "/");
    State::appendEscaped(name, path);
    covered[static_cast<std::size_t>(at)] = true;
  }
  for (std::size_t i = s.nodes.size(); i-- > 0;) {
    const State::Node& n = s.nodes[i];
    if (n.read && !covered[i]) out.push_back(s.pointer(static_cast<int>(i)));
    if ((n.read || covered[i]) && n.parent >= 0) covered[static_cast<std::size_t>(n.parent)] = true;
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void Input::clear() {
  State& s = *state_;
  if (s.parser.capacity() > kKeep) *state_ = State();
}

}  // namespace ccp::policy

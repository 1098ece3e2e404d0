// Programs for the policy engine: grown from the fuzzer's bytes by a grammar, so that most of them
// run, or the bytes as they are. Whatever a program does: it ends within its budget, never allows
// by a fault, does the same again and in another interpreter, and a benign program still decides
// right.
#include <array>
#include <string>

#include "policy/engine/engine.hpp"
#include "tests/fuzz/require.hpp"

using namespace ccp;
using namespace ccp::policy;

namespace {

/// Small budgets: many programs a second, and limits that are met.
constexpr Limits kLimits{5'000, 256u << 10, seconds(2)};

/// Grows a chunk from bytes; when they run out every choice is the first, which is the shortest.
class Grower {
 public:
  Grower(const std::uint8_t* data, std::size_t size) : data_(data), end_(data + size) {}

  std::string chunk() {
    std::string out = "local a, b, c, d = 1, 'x', {}, 0.5\n";
    for (int i = 0; i < 3 && pick(2) == 1; ++i) out += statement(3);
    out += "function decide(input)\n";
    for (int i = 0; i < 12 && data_ != end_; ++i) out += statement(4);
    return out + "return " + result() + "\nend\n" + (pick(8) == 1 ? statement(2) : "");
  }

 private:
  std::size_t pick(std::size_t n) {
    if (data_ == end_) return 0;
    return *data_++ % n;
  }
  template <std::size_t N>
  std::string word(const std::array<const char*, N>& words) {
    return words[pick(N)];
  }

  std::string name() {
    return word(std::array{"a", "b", "c", "d", "e", "i", "input", "input.list", "input.sub", "_ENV",
                           "string", "ccp", "decide"});
  }
  std::string key() {
    return word(std::array{"x", "n", "list", "allow", "len", "__index", "data", "rep"});
  }

  std::string literal() {
    return word(std::array{"1",
                           "nil",
                           "true",
                           "false",
                           "0",
                           "-1",
                           "2^53",
                           "0/0",
                           "1/0",
                           "math.maxinteger",
                           "math.mininteger",
                           "1e308",
                           "'x'",
                           "''",
                           "'a,b'",
                           "'\\0'",
                           "'\\xff'",
                           "'é'",
                           "('y'):rep(1000)",
                           "{}",
                           "{1,2,3}",
                           "{x=1,n=2}",
                           "'10.0.0.1'",
                           "'10.0.0.0/8'",
                           "'1.2.3'",
                           "'%d'",
                           "'%s'",
                           "'**/a*?'",
                           "1.5",
                           "3"});
  }

  std::string call(int depth) {
    const auto function = word(std::array{"tostring",
                                          "tonumber",
                                          "type",
                                          "select",
                                          "pairs",
                                          "ipairs",
                                          "assert",
                                          "error",
                                          "string.len",
                                          "string.lower",
                                          "string.upper",
                                          "string.reverse",
                                          "string.sub",
                                          "string.byte",
                                          "string.char",
                                          "string.rep",
                                          "string.format",
                                          "string.find",
                                          "string.starts",
                                          "string.ends",
                                          "string.contains",
                                          "string.split",
                                          "string.trim",
                                          "string.glob",
                                          "table.concat",
                                          "table.insert",
                                          "table.remove",
                                          "table.sort",
                                          "table.unpack",
                                          "math.abs",
                                          "math.ceil",
                                          "math.floor",
                                          "math.fmod",
                                          "math.max",
                                          "math.min",
                                          "math.tointeger",
                                          "math.type",
                                          "math.ult",
                                          "utf8.char",
                                          "utf8.codepoint",
                                          "utf8.len",
                                          "ccp.ip_in_cidr",
                                          "ccp.semver_cmp",
                                          "decide",
                                          "a",
                                          "c.x"});
    std::string out = function + "(";
    for (auto n = pick(4); n > 0; --n) out += expression(depth - 1) + (n > 1 ? ", " : "");
    return out + ")";
  }

  std::string expression(int depth) {
    if (depth <= 0) return pick(2) == 0 ? literal() : name();
    switch (pick(12)) {
      case 0:
        return literal();
      case 1:
        return name();
      case 2:
        return call(depth);
      case 3:
        return name() + "." + key();
      case 4:
        return name() + "[" + expression(depth - 1) + "]";
      case 5:
        return "(" + expression(depth - 1) + " " +
               word(std::array{"+",  "-", "*",  "/",   "//", "%", "^", "..", "==", "~=", "<",
                               "<=", ">", ">=", "and", "or", "&", "|", "~",  "<<", ">>"}) +
               " " + expression(depth - 1) + ")";
      case 6:
        return "(" + word(std::array{"not ", "-", "#", "~"}) + expression(depth - 1) + ")";
      case 7:
        return "{" + expression(depth - 1) + ", x = " + expression(depth - 1) + ", [" + literal() +
               "] = " + expression(depth - 1) + "}";
      case 8:
        return "(function(...) local a = ... " + statement(depth - 2) + " return " +
               expression(depth - 1) + ", ... end)";
      case 9:
        return "(" + name() + "):" +
               word(std::array{"len", "upper", "rep", "sub", "split", "find", "format", "glob",
                               "x"}) +
               "(" + expression(depth - 1) + ")";
      case 10:
        return "select(" + expression(depth - 1) + ", " + expression(depth - 1) + ", " +
               expression(depth - 1) + ")";
      default:
        return "table.unpack(" + expression(depth - 1) + ")";
    }
  }

  std::string block(int depth) {
    std::string out;
    for (auto n = 1 + pick(2); n > 0; --n) out += statement(depth - 1);
    return out;
  }

  std::string statement(int depth) {
    if (depth <= 0) return " ";
    switch (pick(14)) {
      case 0:
        return word(std::array{"a", "b", "c", "d", "e", "_ENV.g"}) + " = " + expression(depth) +
               "\n";
      case 1:
        return "local " + word(std::array{"a", "b", "e"}) + " = " + expression(depth) + "\n";
      case 2:
        return "if " + expression(depth) + " then " + block(depth) + " else " + block(depth) +
               " end\n";
      case 3:
        return "for i = " + literal() + ", " + literal() + " do " + block(depth) + " end\n";
      case 4:
        return "for i = 1, 5, " + literal() + " do " + block(depth) + " end\n";
      case 5:
        return "for k, v in pairs(" + expression(depth - 1) + ") do " + block(depth) + " end\n";
      case 6:
        return "for k, v in ipairs(" + expression(depth - 1) + ") do " + block(depth) + " end\n";
      case 7:
        return "while " + expression(depth - 1) + " do " + block(depth) +
               " if d then break end end\n";
      case 8:
        return "do local z <const> = " + expression(depth) + " end\n";
      case 9:
        return "local function e(...) " + block(depth) + " return ... end\n";
      case 10:
        return name() + "[" + expression(depth - 1) + "] = " + expression(depth - 1) + "\n";
      case 11:
        return "e = " + call(depth) + "\n";
      case 12:
        return "table.sort(" + expression(depth - 1) + ", function(x, y) " + block(depth - 1) +
               " return " + expression(depth - 1) + " end)\n";
      default:
        return jump();
    }
  }

  std::string jump() {
    const auto label = "done" + std::to_string(++labels_);
    return "do goto " + label + " ::" + label + ":: end\n";
  }

  std::string result() {
    switch (pick(5)) {
      case 0:
        return "{ allow = false }";
      case 1:
        return "{ allow = false, reason = tostring(a), obligations = { x = " + expression(2) +
               " } }";
      case 2:
        return "{ allow = a == b, redact = c }";
      case 3:
        return expression(3);
      default:
        return "{ allow = not d, obligations = " + expression(2) + " }";
    }
  }

  const std::uint8_t* data_;
  const std::uint8_t* end_;
  int labels_ = 0;
};

std::string printed(const Outcome& o) {
  // The clock is far away, so that only fuel ends a run; it is part of what must be the same.
  return std::string(toString(o.fault)) + '\n' + o.message + '\n' + o.result.dump() + '\n' +
         std::to_string(o.fuel);
}

int nodesOf(const Json& value, int depth) {
  CCP_REQUIRE(depth <= 9);
  int out = 1;
  for (const auto& item : value.items()) out += nodesOf(item, depth + 1);
  for (const auto& [name, member] : value.members()) out += nodesOf(member, depth + 1);
  return out;
}

void checkOutcome(const Outcome& o) {
  CCP_REQUIRE(o.message.size() <= 512);
  for (const char c : o.message) CCP_REQUIRE(c >= 0x20 && c < 0x7f);
  CCP_REQUIRE(o.memory_peak <= kLimits.memory);
  if (o.fault == Fault::none) {
    CCP_REQUIRE(o.message.empty() && o.result["allow"].isBool());
    CCP_REQUIRE(nodesOf(o.result, 1) <= 256);
    // What is told to others is JSON.
    const auto again = parseJson(o.result.dump());
    CCP_REQUIRE(again && *again == o.result);
  } else {
    CCP_REQUIRE(!o.message.empty() && o.result.isNull());
  }
}

void checkBenign(Engine& engine) {
  static const auto program =
      *engine.load("benign.lua",
                   "local t = { free = true }\n"
                   "function decide(input) return { allow = not t[input.plan], reason = "
                   "('x'):rep(3) .. #input.plan } end");
  const auto denied = engine.decide(program, R"({"plan":"free"})");
  const auto allowed = engine.decide(program, R"({"plan":"team"})");
  CCP_REQUIRE(denied.fault == Fault::none &&
              denied.result.dump() == R"({"allow":false,"reason":"xxx4"})");
  CCP_REQUIRE(allowed.fault == Fault::none &&
              allowed.result.dump() == R"({"allow":true,"reason":"xxx4"})");
}

void checkProgram(Engine& engine, const std::string& source) {
  static const Json data = *parseJson(R"({"plans":["free","team"],"limits":{"free":10}})");
  static const std::string input =
      R"({"n":7,"list":[3,1,2],"sub":{"x":"y","n":null},"text":"Gr\u00fc\u00dfe","half":0.5})";
  const auto program = engine.load("fuzz.lua", source, data, kLimits);
  const auto again = engine.load("fuzz.lua", source, data, kLimits);
  CCP_REQUIRE(program.has_value() == again.has_value());
  if (!program) {
    CCP_REQUIRE(program.error().code == Errc::policy_compile_failed &&
                program.error().detail == again.error().detail);
    return;
  }
  const auto first = engine.decide(*program, input, kLimits);
  checkOutcome(first);
  CCP_REQUIRE(printed(engine.decide(*program, input, kLimits)) == printed(first));
  CCP_REQUIRE(printed(engine.decide(*again, input, kLimits)) == printed(first));
  const auto recorded = engine.decide(*program, input, kLimits, {.fields = true, .lines = true});
  checkOutcome(recorded);
  if (first.fault == Fault::none && recorded.fault == Fault::none)
    CCP_REQUIRE(recorded.result == first.result);
  // Recording costs something of its own, so that it may end at a limit; it never makes a decision
  // of a fault.
  if (first.fault != Fault::none && first.fault != Fault::timeout && first.fault != Fault::memory)
    CCP_REQUIRE(recorded.fault != Fault::none);
  CCP_REQUIRE(printed(engine.decide(*program, input, kLimits)) == printed(first));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Engine engine;
  static const bool fit = Engine::selfTest().has_value();
  CCP_REQUIRE(fit);
  if (size == 0) return 0;
  const std::string source = data[0] % 4 == 3 ? std::string(fuzz::text(data + 1, size - 1))
                                              : Grower(data + 1, size - 1).chunk();
  checkProgram(engine, source);
  checkBenign(engine);
  return 0;
}

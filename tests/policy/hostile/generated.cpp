// Programs that are made: too large or too odd for a file in the tree.
#include <functional>

#include "tests/policy/hostile/corpus.hpp"

namespace ccp::policy::hostile {
namespace {

constexpr const char* kContained =
    "function decide(input) return { allow = false, reason = 'contained' } end\n";
constexpr const char* kAllow = "function decide(input) return { allow = true } end\n";

std::string times(std::size_t n, const std::string& text) {
  std::string out;
  out.reserve(n * text.size());
  for (std::size_t i = 0; i < n; ++i) out += text;
  return out;
}

std::string each(std::size_t n, const std::function<std::string(std::string)>& text) {
  std::string out;
  for (std::size_t i = 1; i <= n; ++i) out += text(std::to_string(i));
  return out;
}

/// The body of decide().
std::string decide(const std::string& body) {
  return "function decide(input)\n" + body + "\nend\n";
}

std::string returning(const std::string& expression) {
  return decide("local x = " + expression + "\nreturn { allow = false, reason = 'contained' }");
}

class List {
 public:
  void add(const std::string& name, const std::string& expect, std::string source) {
    Case one;
    one.name = "generated/" + name;
    one.source = std::move(source);
    one.expect.fill(parseExpectation(expect));
    cases_.push_back(std::move(one));
  }
  std::vector<Case> take() { return std::move(cases_); }

 private:
  std::vector<Case> cases_;
};

/// What the parser recurses on, far beyond its limit of C levels.
void addNesting(List& list) {
  const std::size_t n = 10'000;
  list.add("nested_parentheses", "load_error", returning(times(n, "(") + "1" + times(n, ")")));
  list.add("nested_tables", "load_error", returning(times(n, "{") + times(n, "}")));
  list.add("nested_functions", "load_error",
           returning(times(n, "function() return ") + "1" + times(n, " end")));
  list.add("nested_blocks", "load_error", decide(times(n, "do ") + times(n, "end ")));
  list.add("nested_ifs", "load_error", decide(times(n, "if input then ") + times(n, "end ")));
  list.add("nested_loops", "load_error", decide(times(n, "while input do ") + times(n, "end ")));
  list.add("nested_indices", "load_error", returning(times(n, "input[") + "1" + times(n, "]")));
  list.add("nested_calls", "load_error", returning(times(n, "tostring(") + "1" + times(n, ")")));
  list.add("unary_chain", "load_error", returning(times(n, "not ") + "1"));
  list.add("minus_chain", "load_error", returning(times(n, "- ") + "1"));
  list.add("power_chain", "load_error", returning(times(n, "2^") + "2"));
  list.add("concat_chain", "load_error", returning(times(n, "'a'..") + "'b'"));
  list.add("open_brackets_only", "load_error", times(100'000, "("));
  list.add("open_braces_only", "load_error", "return " + times(100'000, "{"));
  list.add("function_words_only", "load_error", times(20'000, "function "));
  // Within the limit: nothing to refuse.
  list.add("nested_a_little", R"({"allow":false,"reason":"contained"})",
           returning(times(100, "(") + "1" + times(100, ")")));
  list.add("concat_a_little", R"({"allow":false,"reason":"contained"})",
           returning(times(120, "'a'..") + "'b'"));
}

/// What the compiler keeps lists of.
void addCounts(List& list) {
  list.add("too_many_locals", "load_error",
           decide(each(250, [](auto i) { return "local v" + i + " = 1 "; })));
  list.add(
      "too_many_upvalues", "load_error",
      "local input_\n" +
          each(3,
               [](auto k) {
                 return "local function f" + k + "() end " +
                        each(60, [&](auto i) { return "local u" + k + "_" + i + " = 1 "; });
               }) +
          decide("local function g()\n" +
                 each(190, [](auto i) { return "local w" + i + " = 1 "; }) +
                 "return function() return " + each(190, [](auto i) { return "w" + i + "+"; }) +
                 each(3,
                      [](auto k) {
                        return each(60, [&](auto i) { return "u" + k + "_" + i + "+"; });
                      }) +
                 "1 end end return { allow = true }"));
  list.add(
      "too_many_parameters", "load_error",
      "local function f(" + each(300, [](auto i) { return "p" + i + ","; }) + "q) end\n" + kAllow);
  list.add("too_many_arguments", "load_error", returning("tostring(" + times(300, "1,") + "1)"));
  list.add("too_many_results", "load_error",
           decide("return " + times(300, "1,") + "{ allow = true }"));
  list.add("many_elseifs", "load_error|decision|memory",
           decide("if input.n == 0 then " +
                  each(5'000, [](auto i) { return "elseif input.n == -" + i + " then "; }) +
                  "end return { allow = false }"));
  list.add(
      "many_constants", R"(load_error|memory|{"allow":false,"reason":"contained"})",
      "local t = {" + each(7'000, [](auto i) { return "'c" + i + "',"; }) + "}\n" + kContained);
  list.add("long_index_chain", "runtime_error|load_error", returning("input" + times(5'000, ".a")));
  list.add("long_call_chain", "runtime_error|load_error", returning("input" + times(5'000, "()")));
  list.add("long_assignment", "load_error",
           decide(times(1'000, "a,") + "a = 1 return { allow = true }"));
  list.add("bits_with_many_constants", R"({"allow":false,"reason":"3"})",
           decide("local t = {" + each(300, [](auto i) { return "'k" + i + "',"; }) +
                  "}\nlocal x = input.n\nlocal r = 1 | (x and 2 or 0)\n"
                  "return { allow = r ~= 3, reason = tostring(r) }"));
}

/// Where the parser is quadratic: one load must stay within its time all the same.
void addParserTime(List& list) {
  const std::string slow = R"(load_error|{"allow":false,"reason":"contained"})";
  list.add("many_labels", slow,
           "do " + each(20'000, [](auto i) { return "::l" + i + "::"; }) + " end\n" + kContained);
  list.add("many_labels_and_gotos", slow,
           "do " + each(12'000, [](auto) { return std::string("goto z "); }) +
               each(12'000, [](auto i) { return "::l" + i + "::"; }) + " ::z:: end\n" + kContained);
  list.add(
      "colliding_integers", slow,
      "local t = {" +
          each(20'000, [](auto i) { return std::to_string(8191 * (std::stoll(i) % 8000)) + ","; }) +
          "}\n" + kContained);
  list.add("colliding_floats", slow,
           "local t = {" +
               each(12'000,
                    [](auto i) {
                      return "1." + std::to_string(500'000'000'000'000LL + std::stoll(i) % 7000) +
                             ",";
                    }) +
               "}\n" + kContained);
  list.add("many_functions", "load_error|memory|{\"allow\":false,\"reason\":\"contained\"}",
           each(8'000, [](auto) { return std::string("do local f = function() end end "); }) +
               kContained);
  list.add("many_lines", R"(load_error|{"allow":false,"reason":"contained"})",
           times(200'000, "\n") + kContained);
  list.add("many_semicolons", slow, times(200'000, ";") + kContained);
  list.add("long_comment", slow, "--[==[" + times(200'000, "]") + "]==]\n" + kContained);
  list.add("long_comment_levels", "load_error",
           "--[" + times(100'000, "=") + "[ x ]" + times(99'999, "=") + "]\n" + kAllow);
}

/// Texts, numbers and names beyond what one may be.
void addTokens(List& list) {
  list.add("source_too_long", "load_error", "--" + times(262'144, "x") + "\n" + kAllow);
  list.add("long_string", "load_error|memory", returning("'" + times(100'000, "x") + "'"));
  list.add("long_bracket_string", "load_error|memory",
           returning("[[" + times(100'000, "x") + "]]"));
  list.add("long_number", R"(load_error|memory|{"allow":false,"reason":"contained"})",
           returning(times(100'000, "9")));
  list.add("long_hex_number", R"(load_error|memory|{"allow":false,"reason":"contained"})",
           returning("0x" + times(30'000, "f") + "." + times(30'000, "f") + "p9999999999"));
  list.add("long_exponent", R"(load_error|{"allow":false,"reason":"contained"})",
           returning("1e" + times(10'000, "9")));
  list.add("long_name", R"(load_error|memory|{"allow":false,"reason":"contained"})",
           decide("local " + times(60'000, "n") +
                  " = 1 return { allow = false, reason = 'contained' }"));
  list.add("long_unknown_name_in_message", "load_error",
           decide("goto " + times(60'000, "n") + " return { allow = true }"));
  list.add("long_token_in_message", "load_error", decide("= '" + times(60'000, "m") + "'"));
  list.add("many_escapes", R"(load_error|{"allow":false,"reason":"contained"})",
           returning("'" + times(30'000, "\\z ") + "x'"));
}

/// Bytes that are no program, or should not be in one.
void addBytes(List& list) {
  using namespace std::string_literals;
  list.add("bytecode", "load_error", "\x1bLuaT\x00\x19\x93\r\n\x1a\n\x04\x08\x08"s + kAllow);
  list.add("bytecode_signature", "load_error", "\x1b"s);
  list.add("byte_order_mark", "load_error", "\xef\xbb\xbf"s + kAllow);
  list.add("shebang", "load_error", "#!/usr/bin/lua\n"s + kAllow);
  list.add("shebang_bytecode", "load_error", "#\n\x1bLuaT\x00\x19\x93\r\n\x1a\n"s);
  list.add("zero_byte", "load_error", "local x = 1 \0 "s + kAllow);
  list.add("zero_byte_in_comment", "load_error", "-- hidden\0 from C\n"s + kAllow);
  list.add("zero_byte_in_string", "load_error",
           decide("local s = 'a\0b' return { allow = true }"s));
  list.add("bidi_in_comment", "load_error",
           "-- \xe2\x80\xae this is what a reader sees \xe2\x81\xa6\n"s + kAllow);
  list.add("bidi_in_string", "load_error",
           decide("if input.role ~= 'admin\xe2\x80\xae' then return { allow = true } end"));
  list.add("bidi_isolate", "load_error", "-- \xe2\x81\xa7\xe2\x81\xa9\n"s + kAllow);
  list.add("invalid_utf8_in_comment", "load_error", "-- \xff\xfe\n"s + kAllow);
  list.add("invalid_utf8_in_string", "load_error",
           decide("local s = '\xc3' return { allow = true }"));
  list.add("utf8_name", "load_error", "function décide(input) return { allow = true } end\n"s);
  list.add(
      "carriage_returns", R"({"allow":false,"reason":"contained"})",
      "function decide(input)\r\n  return { allow = false, reason = 'contained' }\r\nend\r\n"s);
  list.add("empty", "load_error", ""s);
  list.add("blank", "load_error", " \n\t\n"s);
  list.add("only_a_comment", "load_error", "-- nothing else"s);
}

}  // namespace

std::vector<Case> generatedCases() {
  List list;
  addNesting(list);
  addCounts(list);
  addParserTime(list);
  addTokens(list);
  addBytes(list);
  return list.take();
}

}  // namespace ccp::policy::hostile

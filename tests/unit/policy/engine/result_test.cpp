// What decide() may return.
#include "tests/unit/policy/engine/run.hpp"

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::policy::test;

TEST_CASE("a result is a table of plain values with a boolean `allow`") {
  CHECK(worth("{1, 2.5, 'x', false, {a = {}}}") == R"([1,2.5,"x",false,{}])");
  CHECK(worth("{}") == "nil");  // an empty table is as if it were not there
  CHECK(worth("nil") == "nil");
  CHECK(worth("{z = 1, a = 2}") == R"({"a":2,"z":1})");
  faults(Fault::bad_result, "", "returned no table");
  faults(Fault::bad_result, "return 1", "returned no table");
  faults(Fault::bad_result, "return true", "returned no table");
  for (const char* allow : {"", "allow = 'true'", "allow = 1", "allow = nil", "Allow = true", "allow = {}"}) {
    faults(Fault::bad_result, "return {" + std::string(allow) + "}", "is not a boolean");
  }
  faults(Fault::bad_result, "return {true}", "is not a boolean");
}

TEST_CASE("results have bounds") {
  faults(Fault::bad_result, "local t = {allow = true} t.t = t return t", "nested deeper than 8");
  faults(Fault::bad_result, "local t = {allow = true} local r = t for i = 1, 9 do t.t = {} t = t.t end t.x = 1 return r", "nested deeper than 8");
  faults(Fault::bad_result, "local t = {allow = true} for i = 1, 300 do t['k' .. i] = i end return t", "more than 256");
  faults(Fault::bad_result, "local t = {} for i = 1, 300 do t[i] = i end return {allow = true, t = t}", "more than 256");
  faults(Fault::bad_result, "return {allow = true, a = ('x'):rep(40000), b = ('y'):rep(40000)}", "longer than 64 KiB");
  faults(Fault::bad_result, "return {allow = true, f = decide}", "the result/f is no text, number");
  faults(Fault::bad_result, "return {allow = true, x = {a = {1, 0/0}}}", "p.lua: the result/x/a/1 is not finite");
  faults(Fault::bad_result, "return {allow = true, x = 1/0}", "not finite");
  faults(Fault::bad_result, "return {allow = true, x = '\\xff'}", "not UTF-8");
  faults(Fault::bad_result, "return {allow = true, ['\\xff'] = 1}", "not UTF-8");
  faults(Fault::bad_result, "return {allow = true, x = {[1] = 1, ['1'] = 2}}", "keys");
  faults(Fault::bad_result, "return {allow = true, 1}", "keys");
  faults(Fault::bad_result, "return {allow = true, x = {[2] = 1}}", "keys");
  faults(Fault::bad_result, "return {allow = true, x = {[0] = 1}}", "keys");
  faults(Fault::bad_result, "return {allow = true, x = {[1.5] = 1}}", "keys");
  faults(Fault::bad_result, "return {allow = true, x = {[true] = 1}}", "keys");
  faults(Fault::bad_result, "return {allow = true, x = {[math.maxinteger] = 1}}", "keys");
  faults(Fault::bad_result, "return _ENV", "metatable");
  for (const char* member : {"rule = 7", "effect = {'x'}", "reason = true", "lane = 1", "redact = '/a'", "redact = {1}", "redact = {x = '/a'}", "obligations = {1}", "obligations = 'x'",
                             "reason = ('x'):rep(1025)", "rule = ('x'):rep(129)", "redact = {('x'):rep(257)}"}) {
    faults(Fault::bad_result, "return {allow = true, " + std::string(member) + "}", "the result/");
  }
}

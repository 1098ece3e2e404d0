// The host's functions against plain references: written again, slow and obvious, and asked about
// the same thousands of random arguments. The seed is fixed, so that a failure can be looked at.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <set>

#include "policy/engine/engine.hpp"

using namespace ccp;
using namespace ccp::policy;

namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t n) {
  return static_cast<std::size_t>(random() % n);
}

std::string text(Random& random, const std::string& letters, std::size_t longest) {
  std::string out;
  for (auto n = below(random, longest + 1); n > 0; --n)
    out += letters[below(random, letters.size())];
  return out;
}

template <class T>
const T& one(Random& random, const std::vector<T>& of) {
  return of[below(random, of.size())];
}

/// Every case is a list of arguments; `answer` in the policy makes a text of what the function
/// returns.
constexpr const char* kPolicy = R"lua(
local function show(...)
  local out = {}
  for i = 1, select("#", ...) do out[i] = tostring((select(i, ...))) end
  return table.concat(out, " ")
end
local answer = {
  starts = function(a) return show(a[1]:starts(a[2])) end,
  ends = function(a) return show(a[1]:ends(a[2])) end,
  contains = function(a) return show(a[1]:contains(a[2])) end,
  find = function(a) return show(a[1]:find(a[2], a[3])) end,
  split = function(a)
    local parts = a[1]:split(a[2])
    return #parts .. ":" .. table.concat(parts, "\1")
  end,
  trim = function(a) return a[1]:trim() end,
  glob = function(a) return show(a[1]:glob(a[2])) end,
  sub = function(a) return a[1]:sub(a[2], a[3]) end,
  byte = function(a) return show(a[1]:byte(a[2], a[3])) end,
  rep = function(a) return a[1]:rep(a[2], a[3]) end,
  case = function(a) return a[1]:upper() .. "|" .. a[1]:lower() .. "|" .. a[1]:reverse() .. "|" .. #a[1] end,
  concat = function(a) return table.concat(a[1], a[2], a[3], a[4]) end,
  insert_remove = function(a)
    local list, out = a[1], {}
    for _, at in ipairs(a[2]) do
      if at > 0 then table.insert(list, at, "n") else out[#out + 1] = table.remove(list, -at) end
    end
    return table.concat(list, ",") .. "|" .. table.concat(out, ",")
  end,
  sort = function(a)
    table.sort(a[1])
    return table.concat(a[1], ",")
  end,
  sort_by = function(a)
    table.sort(a[1], function(x, y) return x:sub(1, 1) > y:sub(1, 1) end)
    return table.concat(a[1], ",")
  end,
  pairs = function(a)
    local t, out = {}, {}
    for _, key in ipairs(a[1]) do t[key] = true end
    for _, key in ipairs(a[2]) do t[key] = nil end
    for key in pairs(t) do out[#out + 1] = tostring(key) end
    return table.concat(out, ",")
  end,
  cidr = function(a) return show(ccp.ip_in_cidr(a[1], a[2])) end,
  semver = function(a) return show(ccp.semver_cmp(a[1], a[2])) end,
}
function decide(input)
  local out = {}
  for i, args in ipairs(input.cases) do out[i] = answer[input.of](args) end
  return { allow = true, obligations = { out = out } }
end
)lua";

using Make = std::function<Json(Random&)>;
using Reference = std::function<std::string(const Json::Array&)>;

std::string str(const Json& value) {
  return *value.asString();
}
std::int64_t num(const Json& value) {
  return *value.asInt();
}
std::string yes(bool value) {
  return value ? "true" : "false";
}

void compare(const char* of, const Make& make, const Reference& reference, int rounds = 25) {
  constexpr std::size_t kCases = 40;
  Engine engine;
  const auto program = engine.load("differential.lua", kPolicy);
  REQUIRE_MESSAGE(program, program.error().text());
  Random random(20261121);
  for (int round = 0; round < rounds; ++round) {
    Json cases = Json::array();
    for (std::size_t i = 0; i < kCases; ++i) cases.push(make(random));
    const auto outcome =
        engine.decide(*program, Json::object({{"of", of}, {"cases", cases}}).dump(),
                      {2'000'000, 16u << 20, milliseconds(100)});
    REQUIRE_MESSAGE((outcome.fault == Fault::none), of, ": ", outcome.message);
    const auto& got = outcome.result["obligations"]["out"].items();
    REQUIRE(got.size() == kCases);
    for (std::size_t i = 0; i < kCases; ++i) {
      const auto& arguments = cases.items()[i].items();
      if (str(got[i]) != reference(arguments))
        FAIL_CHECK(of, cases.items()[i].dump(), " is ", got[i].dump(), ", not ",
                   Json(reference(arguments)).dump());
    }
  }
}

/// Nothing is thrown at std::string's own search: a loop that anybody can read.
std::size_t naiveFind(const std::string& hay, const std::string& needle, std::size_t from) {
  for (auto at = from; at + needle.size() <= hay.size(); ++at) {
    bool same = true;
    for (std::size_t i = 0; i < needle.size(); ++i) same = same && hay[at + i] == needle[i];
    if (same) return at;
  }
  return std::string::npos;
}

/// `*` and `?` stay within a segment, `**` crosses them, `**/` at the start of one may be no folder
/// at all.
bool naiveGlob(const std::string& p, const std::string& s, std::size_t i, std::size_t j) {
  if (i == p.size()) return j == s.size();
  if (p[i] == '*') {
    std::size_t stars = i;
    while (stars < p.size() && p[stars] == '*') ++stars;
    const bool starts = i == 0 || p[i - 1] == '/';
    if (stars - i >= 2 && starts && stars < p.size() && p[stars] == '/') {
      if (naiveGlob(p, s, stars + 1, j)) return true;
      for (auto k = j; k < s.size(); ++k)
        if (s[k] == '/' && naiveGlob(p, s, stars + 1, k + 1)) return true;
      return false;
    }
    for (auto k = j;; ++k) {
      if (naiveGlob(p, s, stars, k)) return true;
      if (k == s.size() || (stars - i == 1 && s[k] == '/')) return false;
    }
  }
  if (j == s.size()) return false;
  if (p[i] == '?' ? s[j] == '/' : s[j] != p[i]) return false;
  return naiveGlob(p, s, i + 1, j + 1);
}

/// A place as Lua counts, from 1 or from the end, cut to [1, size + 1] or [0, size].
std::int64_t place(std::int64_t at, std::size_t size) {
  const auto n = static_cast<std::int64_t>(size);
  if (at >= 0) return at;
  return at < -n ? 0 : n + at + 1;
}

std::string slice(const std::string& s, std::int64_t from, std::int64_t to) {
  std::string out;
  from = place(from, s.size());
  to = place(to, s.size());
  for (std::int64_t i = 1; i <= static_cast<std::int64_t>(s.size()); ++i)
    if (i >= from && i <= to) out += s[static_cast<std::size_t>(i - 1)];
  return out;
}

std::string join(const std::vector<std::string>& parts, const std::string& separator) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) out += (i == 0 ? "" : separator) + parts[i];
  return out;
}

std::vector<std::string> cut(const std::string& s, const std::string& separator) {
  std::vector<std::string> out;
  std::size_t from = 0;
  for (;;) {
    const auto at = naiveFind(s, separator, from);
    if (at == std::string::npos) break;
    out.push_back(s.substr(from, at - from));
    from = at + separator.size();
  }
  out.push_back(s.substr(from));
  return out;
}

Json list(std::vector<Json> items) {
  return Json::array(std::move(items));
}

const std::string kLetters("ab\0\xc3", 3);  // no bytes beyond ASCII: the input is UTF-8

Json pairOfTexts(Random& random) {
  return list({text(random, kLetters, 12), text(random, kLetters, 3)});
}

/// Sixteen bytes of an address, and how many bits it has.
std::vector<bool> bitsOf(const std::string& address) {
  std::vector<bool> out;
  const auto append = [&out](unsigned value, int bits) {
    for (int i = bits - 1; i >= 0; --i) out.push_back(((value >> i) & 1U) != 0);
  };
  if (address.find(':') == std::string::npos) {
    for (const auto& part : cut(address, ".")) append(static_cast<unsigned>(std::stoul(part)), 8);
    return out;
  }
  const auto gap = naiveFind(address, "::", 0);
  const auto groups = [](const std::string& s) {
    return s.empty() ? std::vector<std::string>{} : cut(s, ":");
  };
  const auto head = groups(gap == std::string::npos ? address : address.substr(0, gap));
  const auto tail =
      gap == std::string::npos ? std::vector<std::string>{} : groups(address.substr(gap + 2));
  for (const auto& group : head) append(static_cast<unsigned>(std::stoul(group, nullptr, 16)), 16);
  for (auto i = head.size() + tail.size(); i < 8; ++i) append(0, 16);
  for (const auto& group : tail) append(static_cast<unsigned>(std::stoul(group, nullptr, 16)), 16);
  return out;
}

std::string address(Random& random, bool v6) {
  const std::vector<std::string> bytes{"0", "1", "10", "127", "128", "192", "255"};
  const std::vector<std::string> words{"0", "1", "2001", "db8", "ffff", "8000", "7fff"};
  if (!v6)
    return join({one(random, bytes), one(random, bytes), one(random, bytes), one(random, bytes)},
                ".");
  std::vector<std::string> groups;
  for (int i = 0; i < 8; ++i) groups.push_back(one(random, words));
  if (below(random, 3) != 0) return "2001:" + join({groups.begin() + 1, groups.end()}, ":");
  return "2001:" + groups[1] + "::" + groups[7];
}

std::string version(Random& random) {
  const auto number = [&] {
    return std::to_string(below(random, 3) == 0 ? below(random, 1000) : below(random, 3));
  };
  std::string out = number() + "." + number() + "." + number();
  const std::vector<std::string> parts{"0",    "1",   "2",   "10", "alpha",
                                       "beta", "rc1", "a-b", "A",  "x"};
  if (below(random, 2) == 0) {
    out += "-" + one(random, parts);
    while (below(random, 2) == 0) out += "." + one(random, parts);
  }
  if (below(random, 5) == 0) out += "+build.7";
  return out;
}

/// semver.org 2.0, paragraph 11, point by point.
int naiveSemver(std::string a, std::string b) {
  const auto split = [](std::string s) {
    s = s.substr(0, s.find('+'));
    const auto dash = s.find('-');
    const auto tail =
        dash == std::string::npos ? std::vector<std::string>{} : cut(s.substr(dash + 1), ".");
    return std::pair(cut(s.substr(0, dash), "."), tail);
  };
  const auto x = split(std::move(a));
  const auto y = split(std::move(b));
  const auto order = [](long l, long r) { return l < r ? -1 : l > r ? 1 : 0; };
  for (std::size_t i = 0; i < 3; ++i)
    if (const int c = order(std::stol(x.first[i]), std::stol(y.first[i]))) return c;
  if (x.second.empty() || y.second.empty())
    return order(x.second.empty() ? 1 : 0, y.second.empty() ? 1 : 0);
  for (std::size_t i = 0; i < std::min(x.second.size(), y.second.size()); ++i) {
    const auto& p = x.second[i];
    const auto& q = y.second[i];
    const auto digits = [](const std::string& s) {
      return std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
    };
    if (digits(p) != digits(q)) return digits(p) ? -1 : 1;
    const int c = digits(p) ? order(std::stol(p), std::stol(q)) : p < q ? -1 : p > q ? 1 : 0;
    if (c != 0) return c;
  }
  return order(static_cast<long>(x.second.size()), static_cast<long>(y.second.size()));
}

}  // namespace

TEST_CASE("texts that start, end and contain") {
  compare("starts", pairOfTexts, [](const auto& a) {
    return yes(naiveFind(str(a[0]).substr(0, str(a[1]).size()), str(a[1]), 0) == 0);
  });
  compare("ends", pairOfTexts, [](const auto& a) {
    const auto s = str(a[0]), end = str(a[1]);
    return yes(s.size() >= end.size() && s.substr(s.size() - end.size()) == end);
  });
  compare("contains", pairOfTexts, [](const auto& a) {
    return yes(naiveFind(str(a[0]), str(a[1]), 0) != std::string::npos);
  });
}

TEST_CASE("find looks for plain text from a place") {
  const auto make = [](Random& random) {
    return list({text(random, kLetters, 12), text(random, kLetters, 2),
                 static_cast<int>(below(random, 32)) - 16});
  };
  compare("find", make, [](const auto& a) {
    const auto s = str(a[0]), needle = str(a[1]);
    const auto from = std::max<std::int64_t>(place(num(a[2]), s.size()), 1);
    if (from > static_cast<std::int64_t>(s.size()) + 1) return std::string("nil");
    const auto at = naiveFind(s, needle, static_cast<std::size_t>(from - 1));
    if (at == std::string::npos) return std::string("nil");
    return std::to_string(at + 1) + " " + std::to_string(at + needle.size());
  });
}

TEST_CASE("split and trim") {
  const auto make = [](Random& random) {
    return list({text(random, "ab,;", 20),
                 text(random, ",;a", 2) + one<std::string>(random, {",", ";", "ab"})});
  };
  compare("split", make, [](const auto& a) {
    const auto parts = cut(str(a[0]), str(a[1]));
    return std::to_string(parts.size()) + ":" + join(parts, "\1");
  });
  compare(
      "trim", [](Random& random) { return list({text(random, " \t\n\r\v\fab", 8)}); },
      [](const auto& a) {
        auto s = str(a[0]);
        const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
        while (!s.empty() && blank(s.front())) s.erase(0, 1);
        while (!s.empty() && blank(s.back())) s.pop_back();
        return s;
      });
}

TEST_CASE("glob matches as the slow matcher does") {
  const auto make = [](Random& random) {
    return list({text(random, "ab/", 9), text(random, "ab/*?**", 7)});
  };
  compare(
      "glob", make, [](const auto& a) { return yes(naiveGlob(str(a[1]), str(a[0]), 0, 0)); }, 150);
}

TEST_CASE("parts, bytes, repetitions and cases of texts") {
  const auto range = [](Random& random) {
    const std::vector<std::int64_t> far{0, 1, -1, 5, -5, 1LL << 52, -(1LL << 52)};
    const auto at = [&] {
      return below(random, 4) == 0 ? one(random, far)
                                   : static_cast<std::int64_t>(below(random, 24)) - 12;
    };
    const auto from = at();
    return list({text(random, kLetters, 10), from, at()});
  };
  compare("sub", range, [](const auto& a) { return slice(str(a[0]), num(a[1]), num(a[2])); });
  compare("byte", range, [](const auto& a) {
    std::vector<std::string> out;
    for (const char c : slice(str(a[0]), num(a[1]), num(a[2])))
      out.push_back(std::to_string(static_cast<unsigned char>(c)));
    return join(out, " ");
  });
  const auto repeated = [](Random& random) {
    return list(
        {text(random, kLetters, 3), static_cast<int>(below(random, 9)) - 2, text(random, ",;", 2)});
  };
  compare("rep", repeated, [](const auto& a) {
    return num(a[1]) < 1
               ? std::string()
               : join(std::vector<std::string>(static_cast<std::size_t>(num(a[1])), str(a[0])),
                      str(a[2]));
  });
  compare(
      "case", [](Random& random) { return list({text(random, "azAZ@[`{09", 8)}); },
      [](const auto& a) {
        std::string up, down, back;
        for (const char c : str(a[0])) {
          up += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
          down += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
          back.insert(back.begin(), c);
        }
        return up + "|" + down + "|" + back + "|" + std::to_string(back.size());
      });
}

TEST_CASE("lists are joined, filled and emptied") {
  const auto texts = [](Random& random, std::size_t least) {
    Json out = Json::array();
    for (auto n = least + below(random, 6); n > 0; --n) out.push(text(random, "xyz", 2));
    return out;
  };
  const auto ranges = [&](Random& random) {
    const auto items = texts(random, 1);
    const auto from = 1 + below(random, items.size());
    return list({items, text(random, ",;", 2), from, below(random, items.size() + 1)});
  };
  compare("concat", ranges, [](const auto& a) {
    std::vector<std::string> parts;
    for (auto i = num(a[2]); i <= num(a[3]); ++i)
      parts.push_back(str(a[0].items()[static_cast<std::size_t>(i - 1)]));
    return join(parts, str(a[1]));
  });
  const auto changes = [&](Random& random) {
    const auto items = texts(random, 0);
    auto size = static_cast<std::int64_t>(items.size());
    Json places = Json::array();
    for (int i = 0; i < 6; ++i) {
      if (size > 0 && below(random, 2) == 0) {
        places.push(
            -static_cast<std::int64_t>(1 + below(random, static_cast<std::size_t>(size--))));
      } else {
        places.push(static_cast<std::int64_t>(1 + below(random, static_cast<std::size_t>(++size))));
      }
    }
    return list({items, places});
  };
  compare("insert_remove", changes, [](const auto& a) {
    std::vector<std::string> items, out;
    for (const auto& item : a[0].items()) items.push_back(str(item));
    for (const auto& each : a[1].items()) {
      const auto at = num(each);
      if (at > 0) {
        items.insert(items.begin() + (at - 1), "n");
      } else {
        out.push_back(items[static_cast<std::size_t>(-at - 1)]);
        items.erase(items.begin() + (-at - 1));
      }
    }
    return join(items, ",") + "|" + join(out, ",");
  });
}

TEST_CASE("sort is by bytes, and stable") {
  const auto make = [](Random& random) {
    Json items = Json::array();
    for (auto n = below(random, 40); n > 0; --n) items.push(text(random, "aAb0", 3));
    return list({items});
  };
  const auto texts = [](const Json& json) {
    std::vector<std::string> out;
    for (const auto& item : json.items()) out.push_back(str(item));
    return out;
  };
  compare("sort", make, [&](const auto& a) {
    auto items = texts(a[0]);
    for (std::size_t i = 0; i < items.size(); ++i)
      for (std::size_t j = i; j > 0 && items[j] < items[j - 1]; --j)
        std::swap(items[j], items[j - 1]);
    return join(items, ",");
  });
  compare("sort_by", make, [&](const auto& a) {
    auto items = texts(a[0]);
    for (std::size_t i = 0; i < items.size(); ++i)
      for (std::size_t j = i; j > 0 && items[j].substr(0, 1) > items[j - 1].substr(0, 1); --j)
        std::swap(items[j], items[j - 1]);
    return join(items, ",");
  });
}

TEST_CASE("pairs goes through numbers, then texts by bytes") {
  const auto key = [](Random& random) {
    return below(random, 2) == 0 ? Json(static_cast<int>(below(random, 30)) - 10)
                                 : Json(text(random, "aAbz09", 3));
  };
  const auto make = [&](Random& random) {
    Json put = Json::array(), erase = Json::array();
    for (auto n = below(random, 30); n > 0; --n) put.push(key(random));
    for (auto n = below(random, 10); n > 0; --n) erase.push(key(random));
    return list({put, erase});
  };
  compare("pairs", make, [](const auto& a) {
    std::set<std::int64_t> numbers;
    std::set<std::string> texts;
    for (const auto& k : a[0].items())
      k.isInt() ? void(numbers.insert(num(k))) : void(texts.insert(str(k)));
    for (const auto& k : a[1].items())
      k.isInt() ? void(numbers.erase(num(k))) : void(texts.erase(str(k)));
    std::vector<std::string> out;
    for (const auto n : numbers) out.push_back(std::to_string(n));
    out.insert(out.end(), texts.begin(), texts.end());
    return join(out, ",");
  });
}

TEST_CASE("networks hold addresses bit by bit") {
  const auto make = [](Random& random) {
    const bool v6 = below(random, 3) == 0;
    const auto net = address(random, below(random, 10) == 0 ? !v6 : v6);
    const auto bits = below(random, net.find(':') == std::string::npos ? 33 : 129);
    return list({address(random, v6), net + "/" + std::to_string(bits)});
  };
  compare(
      "cidr", make,
      [](const auto& a) {
        const auto parts = cut(str(a[1]), "/");
        const auto ip = bitsOf(str(a[0])), net = bitsOf(parts[0]);
        bool inside = ip.size() == net.size();
        for (std::size_t i = 0; inside && i < std::stoul(parts[1]); ++i) inside = ip[i] == net[i];
        return yes(inside);
      },
      60);
}

TEST_CASE("versions are ordered as semver.org says") {
  const auto make = [](Random& random) { return list({version(random), version(random)}); };
  compare(
      "semver", make,
      [](const auto& a) { return std::to_string(naiveSemver(str(a[0]), str(a[1]))); }, 100);
  Engine engine;
  const auto program = engine.load("differential.lua", kPolicy);
  REQUIRE(program);
  // The row of the specification itself.
  const std::vector<std::string> row{"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
                                     "1.0.0-beta",  "1.0.0-beta.2",  "1.0.0-beta.11",
                                     "1.0.0-rc.1",  "1.0.0"};
  Json cases = Json::array();
  for (std::size_t i = 1; i < row.size(); ++i) cases.push(list({row[i - 1], row[i]}));
  const auto outcome =
      engine.decide(*program, Json::object({{"of", "semver"}, {"cases", cases}}).dump());
  for (const auto& answer : outcome.result["obligations"]["out"].items())
    CHECK(str(answer) == "-1");
  CHECK(outcome.result["obligations"]["out"].size() == row.size() - 1);
}

#include "policy/schema/library.hpp"

namespace ccp::policy {
namespace {

constexpr LibraryEntry kLibrary[] = {
    {"assert", "v: any, message?: string", "any", "Raises when v is false or nil: the decision is a fault."},
    {"error", "message: string, level?: integer", "", "Raises: the decision is a fault."},
    {"ipairs", "list: table", "fun(): integer, any", "Walks a list from 1 to its first hole."},
    {"pairs", "object: table", "fun(): any, any", "Walks a table in a fixed order: numbers, then text by bytes."},
    {"select", "n: integer|\"#\", ...: any", "any", "The arguments from the nth on, or how many there are."},
    {"tonumber", "v: any, base?: integer", "number?", "A number, or nil when there is none."},
    {"tostring", "v: any", "string", "Text of nil, boolean, number or string; of others the name of the type."},
    {"type", "v: any", "string", "The type of a value, by name."},
    {"_VERSION", "", "string", "\"Lua 5.4\".", true},

    {"string.len", "s: string", "integer", "Length in bytes."},
    {"string.lower", "s: string", "string", "ASCII letters in lower case."},
    {"string.upper", "s: string", "string", "ASCII letters in upper case."},
    {"string.reverse", "s: string", "string", "The bytes in reverse order."},
    {"string.sub", "s: string, i: integer, j?: integer", "string", "Bytes i to j; negative positions count from the end."},
    {"string.byte", "s: string, i?: integer, j?: integer", "integer ...", "Values of bytes, at most 256 of them."},
    {"string.char", "...: integer", "string", "Text of byte values, at most 256 of them."},
    {"string.rep", "s: string, n: integer, separator?: string", "string", "n copies of s; at most 64 KiB."},
    {"string.format", "form: string, ...: any", "string", "As in C; only d i x X c s f g G e E and %%, widths of two digits."},
    {"string.find", "s: string, text: string, from?: integer", "integer?, integer?", "Where text stands in s: always plain, no patterns."},
    {"string.contains", "s: string, text: string", "boolean", "Whether text stands in s."},
    {"string.starts", "s: string, text: string", "boolean", "Whether s begins with text."},
    {"string.ends", "s: string, text: string", "boolean", "Whether s ends with text."},
    {"string.split", "s: string, separator: string", "string[]", "The parts of s between the separators."},
    {"string.trim", "s: string", "string", "s without white space at both ends."},
    {"string.glob", "s: string, pattern: string", "boolean", "Whether s matches: * and ? stay within a segment of a path, ** crosses /."},

    {"table.concat", "list: table, separator?: string, i?: integer, j?: integer", "string", "The texts of a list in one."},
    {"table.insert", "list: table, ...: any", "", "Appends a value, or inserts it at a position."},
    {"table.remove", "list: table, position?: integer", "any", "Takes away the last value, or the one at a position."},
    {"table.sort", "list: table, before?: fun(a: any, b: any): boolean", "", "Sorts in place; equal ones keep their order."},
    {"table.unpack", "list: table, i?: integer, j?: integer", "any ...", "The values of a list, at most 255."},

    {"math.abs", "x: number", "number", "The absolute value."},
    {"math.ceil", "x: number", "integer", "The smallest integer that is not below x."},
    {"math.floor", "x: number", "integer", "The largest integer that is not above x."},
    {"math.fmod", "x: number, y: number", "number", "The rest of x / y, towards zero."},
    {"math.max", "x: number, ...: number", "number", "The largest."},
    {"math.min", "x: number, ...: number", "number", "The smallest."},
    {"math.tointeger", "x: any", "integer?", "x as integer, or nil when it is none."},
    {"math.type", "x: any", "string?", "\"integer\", \"float\", or nil."},
    {"math.ult", "m: integer, n: integer", "boolean", "m < n as unsigned integers."},
    {"math.huge", "", "number", "Above every number.", true},
    {"math.maxinteger", "", "integer", "The largest integer.", true},
    {"math.mininteger", "", "integer", "The smallest integer.", true},
    {"math.pi", "", "number", "3.14159…", true},

    {"utf8.char", "...: integer", "string", "Text of code points."},
    {"utf8.codepoint", "s: string, i?: integer, j?: integer", "integer ...", "Code points, at most 256 of them."},
    {"utf8.len", "s: string, i?: integer, j?: integer", "integer?, integer?", "Length in code points; nil and a position when s is no UTF-8."},

    {"ccp.data", "", "table", "The pack's constants: data/NAME.json is ccp.data.NAME. Read-only.", true},
    {"ccp.ip_in_cidr", "ip: string, network: string", "boolean", "Whether an address lies in a network (10.0.0.0/8); a malformed one raises."},
    {"ccp.semver_cmp", "a: string, b: string", "integer", "-1, 0 or 1 as semver.org orders versions; a malformed one raises."},
};

}  // namespace

std::span<const LibraryEntry> library() noexcept { return kLibrary; }

}  // namespace ccp::policy

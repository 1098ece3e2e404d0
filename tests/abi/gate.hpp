// The ABI gate: what a set of headers would break of what releases promised. Two witnesses: the layout that
// layout_probe.c prints (golden/<version>.txt, every line stays true) and what libabigail reads from the
// DWARF of abi_probe.c (golden/<version>.abi, only growth at the end of a struct is allowed).
// Needs gcc and abigail-tools. Pure but for files in a scratch folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ccp::abi {

/// Exit status of a shell command; what it writes to stdout and stderr goes to `out`.
int run(const std::string& command, std::string& out);
std::vector<std::string> linesOf(std::string_view text);
std::string readFile(const std::string& path);
/// "1.0", "1.1", … of tests/abi/golden.
std::vector<std::string> releases();

/// What layout_probe.c prints when it is compiled with the headers below `include`; empty with `failure`
/// set when it does not compile.
std::string layoutOf(const std::string& include, const std::string& scratch, std::string& failure);

/// Lines of an abidiff report that are no growth at the end.
std::vector<std::string> breakingLines(std::string_view report);

/// Empty: the headers keep every promise of every release. `reports` (may be null) gets abidiff's texts.
std::vector<std::string> findings(const std::string& include, const std::string& scratch, std::string* reports = nullptr);

}  // namespace ccp::abi

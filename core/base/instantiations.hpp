// Standard templates that nearly every file uses, compiled once in instantiations.cpp instead of once per file:
// without optimisation and with sanitizers their bodies were a fifth of all code that the compilers wrote.
// Optimised builds inline them as before. libstdc++ does the same for std::string up to C++17 only.
#pragma once

#include <string>
#include <utility>
#include <vector>

#ifdef __GLIBCXX__
extern template class std::basic_string<char>;
extern template class std::vector<std::string>;
extern template class std::vector<std::pair<std::string, std::string>>;
#endif
